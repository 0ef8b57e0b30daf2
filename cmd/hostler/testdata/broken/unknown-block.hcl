host "mini" {}

imgae "base" {
  from = "ghcr.io/a/b"
}
