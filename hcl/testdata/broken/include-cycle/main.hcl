hostler {
  include = ["common"]
}
host "mini" {}
