host "mini" {
  for_each = { a = each.key }
  guests   = each.value
}
