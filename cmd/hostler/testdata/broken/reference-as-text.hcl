host "mini" {}

image "base" {
  from = "ghcr.io/a/b"
}

profile "p" {
  image  = "image.base"
  memory = "8GiB"
  cpus   = 4
}
