image "base" {
  from = "x"
}
