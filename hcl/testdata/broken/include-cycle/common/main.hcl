hostler {
  include = ["../site"]
}
