host "mini" {
  count = 2
  lifecycle {
    prevent_destroy = true
  }
}
image "base" {
  host = host.mini
  from = "x"
  dynamic "step" {
    for_each = ["brew install jq"]
    content {
      run = step.value
    }
  }
}
