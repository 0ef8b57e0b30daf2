host "mini" {
  reserve {
    memori = "4GiB"
  }
}
