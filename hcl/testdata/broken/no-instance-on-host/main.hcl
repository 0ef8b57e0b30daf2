host "mini" {
  for_each = toset(["a", "b"])
}
image "base" {
  for_each = toset(["a", "also"])
  host     = host.mini["a"]
  from     = "x"
}
runner "b" {
  host  = host.mini["b"]
  image = image.base
}
runner "a" {
  host  = host.mini["a"]
  image = image.base
}
