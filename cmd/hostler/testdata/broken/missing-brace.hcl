host "mini" {
  macos_guests = 2

image "base" {
  from = "ghcr.io/a/b"
}
