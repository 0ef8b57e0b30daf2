host "mini" {}
image "base" {
  from = ghcr.io/acme/base
}
image "dev" {
  from = hots.mini/2
}
