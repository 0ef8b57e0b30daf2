host "mini" {
  serial = "C02"
}
