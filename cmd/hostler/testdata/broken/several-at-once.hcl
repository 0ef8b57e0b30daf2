host "mini" {
  macos_guests = 9
}

image "base" {
  form   = "ghcr.io/a/b"
  memory = 8
}

profile "p" {
  image  = image.bse
  memory = var.nothing
  cpus   = "many"
}
