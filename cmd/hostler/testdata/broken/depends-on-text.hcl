host "mini" {}

image "base" {
  from       = "ghcr.io/a/b"
  depends_on = ["host.mini"]
}
