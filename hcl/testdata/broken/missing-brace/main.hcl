host "mini" {
  guests = 2

image "base" {
  from = "ghcr.io/acme/base"
}
