terraform {
  required_version = ">= 1.0"
}
resource "image" "base" {
  from = "ghcr.io/acme/base"
}
