host "mini" {}

profile "p" {
  image  = host.mini
  memory = "8GiB"
  cpus   = 4
}
