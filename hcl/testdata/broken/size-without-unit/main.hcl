host "mini" {}
image "base" {
  from   = "ghcr.io/acme/base"
  memory = 8
}
