host "mini" {}
runner "r" {
  image = host.mini
}
