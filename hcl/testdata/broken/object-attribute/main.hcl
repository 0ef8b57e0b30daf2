host "mini" {}
image "base" {
  from = "x"
}
profile "dev" {
  image = image.base
  mounts = [
    { name = "ok", path = "/ok" },
    { name = "xcode", pth = "/Applications/Xcode.app" },
  ]
}
