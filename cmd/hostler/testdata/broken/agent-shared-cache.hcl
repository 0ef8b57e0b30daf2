host "mini" {}

image "base" {
  from = "ghcr.io/a/b"
}

profile "a" {
  image  = image.base
  memory = "8GiB"
  cpus   = 4
  trust  = "agent"
  cache  = "shared"
}
