hostler {
  include = ["empty"]
}
hostler {}
