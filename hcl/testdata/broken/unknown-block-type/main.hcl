imge "base" {
  from = "ghcr.io/acme/base"
}
