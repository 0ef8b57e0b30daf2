host "mini" {}

image "base" {
  from   = "ghcr.io/a/b"
  memry  = "8GiB"
}
