host "mini" {
  labels = "fast"
}
