hostler {
  state = "x.json"
}
host "mini" {
  gests = 1
}
