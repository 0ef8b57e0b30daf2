host "mini" {}
image "base" {
  from = "x"
  step "both" {
    run    = "true"
    script = "setup.sh"
  }
}
profile "dev" {
  image    = image.base
  cpus     = 8
  max_cpus = 4
}
