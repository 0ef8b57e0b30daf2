hostler {
  include = ["../nowhere-at-all"]
  state   = ""
}
host "mini" {}
