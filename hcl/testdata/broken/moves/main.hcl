host "mini" {}
image "base" {
  for_each = toset(["a"])
  from     = "x"
}
moved {
  from = host.mini
  to   = host.mini
}
moved {
  from = host.mini
  to   = host.other
}
moved {
  from = image.old
  to   = host.mini
}
moved {
  from = "image.old"
  to   = imge.base
}
moved {
  from = image.gone.memory
  to   = image.base["a"]
}
removed {
  from = image.base
}
import {
  to = image.base
  id = "x"
}
import {
  to = image.none
  id = "x"
}
import {
  to = image.base["a"]
  id = ""
}
removed {
  to = image.gone
}
