host "mini" {
  macos_guests = "two"
}
