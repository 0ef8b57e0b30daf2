host "mini" {
  labels = [uper("x"), env("HOME")]
}
