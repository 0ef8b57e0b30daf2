host "mini" {}
image "base" {
  host = host.mini.guests
  from = "x"
}
