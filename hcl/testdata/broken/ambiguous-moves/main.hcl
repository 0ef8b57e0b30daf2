host "mini" {}
moved {
  from = host.old
  to   = host.mini
}
moved {
  from = host.older
  to   = host.mini
}
removed {
  from = host.old
}
