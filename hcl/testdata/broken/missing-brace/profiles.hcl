profile "dev" {
  image = image.base
}
