host "mini" {}
image "base" {
  from = "x"
  step {
    run = "true"
  }
  step "a" "b" {
    run = "true"
  }
}
