variable "a" {
  type     = list(string)
  nullable = false
}
variable "b" {
  type     = list(string)
  nullable = false
  default  = null
}
