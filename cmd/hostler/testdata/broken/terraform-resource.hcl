resource "image" "base" {
  from = "ghcr.io/a/b"
}
