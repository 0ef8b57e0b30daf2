variable "token" {
  sensitive = true
}
locals {
  header = "Bearer ${var.token}"
}
host "mini" {
  labels = ["ok", local.header]
}
host "chosen" {
  guests = var.token == "x" ? 1 : 2
}
host "each" {
  for_each = toset([var.token])
}
output "header" {
  value = local.header
}
output "nested" {
  value = { token = var.token }
}
