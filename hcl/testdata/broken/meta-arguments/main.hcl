host "mini" {
  depends_on      = ["image.base", var.x, host.nmae]
  ignore_changes  = ["guests", gests, serial]
  prevent_destroy = "maybe"
}
host "pro" {
  depends_on     = host.mini
  ignore_changes = everything
}
