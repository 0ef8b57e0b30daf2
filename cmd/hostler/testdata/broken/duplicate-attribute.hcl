host "mini" {
  macos_guests = 1
  macos_guests = 2
}
