host "mini" {}

image "base" {
  from   = "ghcr.io/a/b"
  memory = host.mini.reserve.memry
}
