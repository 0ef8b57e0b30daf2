host "mac mini" {
}
