host "mini" {
  labels = host.mini.labels
}
