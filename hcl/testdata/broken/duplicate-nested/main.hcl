host "mini" {
  ssh {
    address = "a"
  }
  ssh {
    address = "b"
  }
}
