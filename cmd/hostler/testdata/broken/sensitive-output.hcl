variable "token" {
  type      = string
  sensitive = true
  default   = "hunter2"
}

output "token" {
  value = var.token
}
