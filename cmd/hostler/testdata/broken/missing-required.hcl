host "mini" {}

image "base" {
  memory = "8GiB"
}
