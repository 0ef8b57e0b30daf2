host "mini" {}

import {
  to = host.mini
}
