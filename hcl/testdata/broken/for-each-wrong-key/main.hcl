host "mini" {
  for_each = toset(["alpha", "beta"])
}
output "x" {
  value = host.mini["alhpa"].guests
}
output "y" {
  value = host.mini[0].guests
}
output "z" {
  value = host.mini.guests
}
