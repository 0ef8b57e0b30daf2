host "mini" {}
image "base" {
  from = "x"
}
profile "dev" {
  image = image.base
  trust = "pull-request"
}
