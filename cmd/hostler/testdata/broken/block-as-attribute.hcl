host "mini" {}

launchd "x" {
  program  = ["/usr/bin/true"]
  interval = "1h"
  env {
    A = "b"
  }
}
