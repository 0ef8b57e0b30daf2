variable "org" {
  type = string
}
variable "size" {
  type = number
}
github {
  owner = var.org
}
