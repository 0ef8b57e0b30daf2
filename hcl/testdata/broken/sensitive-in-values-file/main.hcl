variable "token" {
  type      = map(bool)
  sensitive = true
}
