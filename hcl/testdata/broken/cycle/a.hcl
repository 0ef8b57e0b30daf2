locals {
  one = local.two + 1
}
host "mini" {
  guests = local.one
}
