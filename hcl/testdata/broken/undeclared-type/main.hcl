host "mini" {}
output "x" {
  value = hots.mini.guests
}
output "y" {
  value = output.x
}
output "z" {
  value = path.module
}
