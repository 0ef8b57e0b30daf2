host "mini" {
  for_each = {}
  gests    = 2
  labels   = [each.nme, upper()]
}
