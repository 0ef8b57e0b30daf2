locals {
  two = local.three
  three = host.mini.guests
}
output "after" {
  value = local.two.nonsense
}
