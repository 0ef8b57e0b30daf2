host "mini" {}

host "mini" {
  macos_guests = 1
}
