github {
  owner = "acme/app"
}

host "mini" {
  serve {
    group = "vms"
  }
}
