host "mini" {}
image "base" {
  from = null
}
