host "mini" {}
image "base" {
  from = "x"
}
output "labels" {
  value = image.base.host.labels
}
