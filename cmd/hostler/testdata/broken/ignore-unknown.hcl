host "mini" {
  ignore_changes = [macos_guest]
}
