host "mini" {}
image "base" {
  from = "x"
  step "a" {
    run = "true"
    env = { A = ["x"], B = null }
  }
}
profile "p" {
  image  = image.base
  mounts = [{}, { nmae = "a", path = "b" }, { name = null, path = "x", read_only = "maybe" }]
}
