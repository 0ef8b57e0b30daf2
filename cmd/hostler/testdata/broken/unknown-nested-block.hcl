host "mini" {
  reserved {
    memory = "4GiB"
  }
}
