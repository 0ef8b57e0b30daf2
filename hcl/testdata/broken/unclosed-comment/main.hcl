host "mini" {}
/* image "base" {
  from = "x"
}
