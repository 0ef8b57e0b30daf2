host "mini" {}

image "base" {
  from   = "ghcr.io/a/b"
  memory = 8
}
