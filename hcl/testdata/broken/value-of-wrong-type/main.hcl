variable "size" {
  type = number
}
variable "tags" {
  type = list(string)
}
variable "flag" {
  type = bool
}
variable "zone" {
  type    = number
  default = "north"
}
variable "wrong" {
  type = text
}
