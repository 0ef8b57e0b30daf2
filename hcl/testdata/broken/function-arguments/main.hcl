host "mini" {
  labels = split(",")
  guests = tonumber("two")
}
