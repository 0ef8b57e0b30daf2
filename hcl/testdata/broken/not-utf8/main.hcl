# ü
host "mini" {
  labels = ["ä"]
}
