locals {
  disk   = { size = "80GB" }
  guests = tomap({ alpha = 1 })
  key    = "alhpa"
  all    = host.mini
}
host "mini" {
  for_each = toset(["alpha", "beta"])
  labels   = [each.kye, local.disk.sise, local.disk["szie"]]
}
host "b" {
  guests = local.guests["alhpa"]
}
host "c" {
  guests = local.guests.alhpa
}
host "d" {
  guests = host.mini[local.key].guests
}
host "e" {
  guests = local.all["beta"].gests
}
host "f" {
  labels = host.mini[*].address
}
