variable "memory" {
  default = "8GiB"
}

host "mini" {
  reserve {
    memory = var.memoy
  }
}
