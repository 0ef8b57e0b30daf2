host "mini" {}

launchd "x" {
  program = ["/usr/bin/true"]
}
