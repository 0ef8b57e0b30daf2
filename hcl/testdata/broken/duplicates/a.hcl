host "mini" {}
variable "org" {
  default = "a"
}
locals {
  gib = 1
}
github {
  owner = "a"
}
