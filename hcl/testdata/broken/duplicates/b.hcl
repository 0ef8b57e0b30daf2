host "mini" {}
variable "org" {
  default = "b"
}
locals {
  gib = 2
}
github {
  owner = "b"
}
output "x" {
  value = 1
}
output "x" {
  value = 2
}
