package hcl

import "testing"

func TestScratch(t *testing.T) {
	c := good(t, `
variable "org" {
  type = string
  default = "acme"
 }
locals {
 gib = 1024
 all = host.mini
}
github { owner = var.org }
host "mini" {
  for_each = toset(["a","b"])
  ssh { 
    address = "${each.key}.local" 
  }
}
image "base" {
  for_each = host.mini
  host = each.value
  from = "ghcr.io/x"
  memory = host.mini[each.key].reserve.memory
  step "x" { run = "x" }
}
runner "r" {
  for_each = local.all
  host = host.mini[each.key]
  image = image.base
}
profile "p" { 
  image = image.base 
  mounts = [{name = "x", path = "y"}]
}
output "x" { value = image.base["a"].memory }
`)
	t.Log("\n" + render(c))
}
