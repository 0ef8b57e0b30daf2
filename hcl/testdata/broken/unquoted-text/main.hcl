host "mini" {}
image "base" {
  from = ubuntu
}
