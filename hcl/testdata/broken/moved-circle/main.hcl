moved {
  from = host.a
  to   = host.b
}
moved {
  from = host.b
  to   = host.c
}
moved {
  from = host.c["x"]
  to   = host.a["x"]
}
moved {
  from = host.d
  to   = host.a
}
host "e" {}
