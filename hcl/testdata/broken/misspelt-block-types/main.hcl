hots "mini" {}
varible "n" {
  default = 2
}
local {
  x = 1
}
image "two" "names" {
  from = "x"
}
github "acme" {
  owner = "acme"
}
profile {
  image = image.two
}
host "b" {
  guests = var.n + local.x
  labels = [github.owner, host.mini.address]
}
runner "r" {
  image  = image.two
  images = [profile.any, image.three]
}
import {
  to = host.mini
  id = "x"
}
