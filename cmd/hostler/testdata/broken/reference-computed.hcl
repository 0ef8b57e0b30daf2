host "mini" {}

image "base" {
  from = "ghcr.io/a/b"
}

output "vm" {
  value = image.base.vm
}
