hostler {
  required_version = ">= 1.0"
}
nonsense "x" {}
