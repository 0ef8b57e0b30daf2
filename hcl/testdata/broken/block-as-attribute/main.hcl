host "mini" {
  reserve = {
    memory = "4GiB"
  }
  guests {
  }
}
