variable "org" {
  default = "acme"
}
