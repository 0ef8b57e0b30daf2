host "a" {
  for_each = 3
}
host "b" {
  for_each = null
}
host "c" {
  for_each = toset([1, 2])
}
host "d" {}
host "e" {
  for_each = host.d
}
