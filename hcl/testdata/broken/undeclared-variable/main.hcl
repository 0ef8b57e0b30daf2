variable "name" {
  default = "x"
}
host "mini" {
  labels = [var.nmae, var.other]
}
