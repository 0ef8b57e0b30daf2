host "mini" {}

image "base" {
  for_each = ["a", "b"]
  from     = "ghcr.io/a/b"
}
