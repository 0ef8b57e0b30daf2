host "mini" {}

image "base" {
  from = "ghcr.io/a/b"
}

profile "p" {
  image  = image.bas
  memory = "8GiB"
  cpus   = 4
}
