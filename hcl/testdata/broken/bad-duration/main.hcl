host "mini" {}
image "base" {
  from = "ghcr.io/acme/base"
  step "setup" {
    run     = "true"
    timeout = "30 minutes"
  }
}
