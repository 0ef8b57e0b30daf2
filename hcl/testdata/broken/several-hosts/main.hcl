host "a" {}
host "b" {
  for_each = toset(["x"])
}
image "base" {
  from = "x"
}
