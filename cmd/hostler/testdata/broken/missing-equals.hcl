host "mini" {
  macos_guests 2
}
