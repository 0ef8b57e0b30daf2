host "mini" {}

launchd "x" {
  domain   = "sistem"
  program  = ["/usr/bin/true"]
  interval = "1h"
}
