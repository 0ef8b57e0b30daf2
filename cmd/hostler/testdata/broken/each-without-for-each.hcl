host "mini" {}

image "base" {
  from = each.key
}
