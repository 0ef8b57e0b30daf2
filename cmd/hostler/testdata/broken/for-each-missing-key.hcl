host "mini" {}

image "base" {
  for_each = toset(["a", "b"])
  from     = "ghcr.io/a/b"
}

profile "p" {
  image  = image.base["c"]
  memory = "8GiB"
  cpus   = 4
}
