hostler {
  required_version = "newest"
  include          = "../x"
  stat             = "x"
}
host "mini" {}
