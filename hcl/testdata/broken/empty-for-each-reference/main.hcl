host "mini" {}
image "base" {
  for_each = {}
  from     = "x"
}
profile "dev" {
  image = image.base
}
