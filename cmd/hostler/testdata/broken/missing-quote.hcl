image "base {
  from = "x"
}

host "mini" {}
