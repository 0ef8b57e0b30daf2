image "base" {
  memory = "8GiB"
}
