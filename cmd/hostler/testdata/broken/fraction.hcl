host "mini" {
  macos_guests = 1.5
}
