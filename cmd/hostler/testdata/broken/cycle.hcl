host "mini" {}

image "a" {
  from = image.b
}

image "b" {
  from = image.c
}

image "c" {
  from = image.a
}
