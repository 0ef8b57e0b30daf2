host "mini" {}
output "x" {
  value = host.mini["a"].guests
}
