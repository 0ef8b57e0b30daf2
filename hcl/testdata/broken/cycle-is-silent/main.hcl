image "a" {
  host = host.h
  from = image.b
}
image "b" {
  host = host.h
  from = image.a
}
host "h" {
  for_each = { for k, v in image.a : k => v }
  gests    = 2
}
