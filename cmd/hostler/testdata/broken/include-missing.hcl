hostler {
  include = ["../nowhere"]
}
