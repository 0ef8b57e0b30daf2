host "mini" {}

image "base" {
  from = "ghcr.io/a/b"
  vm   = "mine"
}
