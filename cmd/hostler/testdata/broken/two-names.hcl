host "mini" "a" {
}
