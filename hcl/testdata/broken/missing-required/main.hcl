host "mini" {}
image "base" {
  cpus = 4
}
