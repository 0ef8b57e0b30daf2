host "mini" {
  ssh {
    adress = "mini.local"
  }
  reserve {
    ram = "4GiB"
  }
}
