image "base" {
  from = "x:${var.tag}"
  memory = 8
}
