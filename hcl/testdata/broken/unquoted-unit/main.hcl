host "mini" {
  reserve {
    memory = 4GiB
  }
}
image "base" {
  from = ghcr.io/acme/base:latest
}
