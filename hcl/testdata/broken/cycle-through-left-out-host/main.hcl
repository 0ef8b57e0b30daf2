host "mini" {
  guests = image.base.cpus
}
image "base" {
  from = "x"
}
