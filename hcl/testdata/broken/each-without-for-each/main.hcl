host "mini" {
  labels = [each.key]
}
