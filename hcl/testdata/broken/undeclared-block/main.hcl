host "mini" {}
image "base" {
  host = host.mimi
  from = "x"
}
profile "dev" {
  image = image.bsae
}
