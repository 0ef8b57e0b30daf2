host "mini" {}
runner "r" {
  token = "evn:TOKEN"
}
runner "s" {
  token = "ENV:TOKEN"
}
runner "t" {
  token = "hunter2"
}
