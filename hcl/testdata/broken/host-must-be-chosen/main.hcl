host "mini" {
  for_each = toset(["a", "b"])
}
image "base" {
  host = host.mini
  from = "x"
}
