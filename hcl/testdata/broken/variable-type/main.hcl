variable "a" {
  type    = strng
  default = "x"
}
variable "b" {
  type    = "string"
  default = "x"
}
variable "c" {
  type    = object({ name = optional(numbr) })
  default = {}
}
variable "d" {
  default = local.x
}
variable "e" {
  default = upper("x")
}
variable "f" {
  default = text
}
