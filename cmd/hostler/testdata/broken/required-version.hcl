hostler {
  required_version = ">= 99.0.0"
}

nosuch "block" {}
