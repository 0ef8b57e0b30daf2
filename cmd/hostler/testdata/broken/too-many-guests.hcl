host "mini" {
  macos_guests = 3
}
