host "a" {
  ignore_changes = [all]
}
host "b" {
  ignore_changes = all
}
