host "mini" {}

moved {
  from = image.a
  to   = profile.a
}
