host "mini" {}

profile "p" {
  image  = imag.base
  memory = "8GiB"
  cpus   = 4
}
