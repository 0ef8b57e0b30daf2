locals {
  reserve = "4GiB"
}

host "mini" {
  reserve {
    memory = local.reserv
  }
}
