host "mini" {
  for_each = { a = "1", b = "two", c = "three" }
  guests   = each.value
}
