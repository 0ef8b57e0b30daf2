host "mini" {}
image "base" {
  host = "host.mini"
  from = "image.other"
}
profile "dev" {
  image = "base"
}
