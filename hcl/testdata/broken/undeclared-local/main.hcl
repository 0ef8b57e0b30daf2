locals {
  gib = 1024
}
output "size" {
  value = local.gb
}
