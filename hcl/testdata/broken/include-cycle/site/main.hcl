hostler {
  include = [
    "../common",
  ]
}
