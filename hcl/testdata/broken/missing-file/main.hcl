host "mini" {
  labels = [file("labels.txt")]
}
