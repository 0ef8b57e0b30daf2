host "mini" {
  for_each = ["a", "b"]
}
