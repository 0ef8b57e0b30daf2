hostler {
  include = ["common"]
}
