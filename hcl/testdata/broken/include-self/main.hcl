hostler {
  include = ["."]
}
host "mini" {}
