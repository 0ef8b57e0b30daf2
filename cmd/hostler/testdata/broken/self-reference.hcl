host "mini" {}

image "a" {
  from = image.a
}
