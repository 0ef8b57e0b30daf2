host "mini" {
  guests = 1.5
}
host "pro" {
  guests = 9
}
host "air" {
  guests = "two"
}
