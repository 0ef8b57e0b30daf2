host "mini" {}
output "x" {
  value = host.mini.reserve.memroy
}
output "y" {
  value = host.mini.gests
}
