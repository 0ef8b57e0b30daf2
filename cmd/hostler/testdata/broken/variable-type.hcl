variable "guests" {
  type    = number
  default = "many"
}
