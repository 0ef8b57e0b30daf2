host "mini" {}
output "serial" {
  value = host.mini.serial
}
