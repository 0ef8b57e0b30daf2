github {
  owner = "acme"
  token = "ghp_0123456789"
}
