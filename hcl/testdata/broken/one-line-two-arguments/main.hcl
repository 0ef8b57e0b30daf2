host "mini" {
  reserve { memory = "4GiB"  disk = "20GiB" }
}
