variable "token" {
  type      = string
  sensitive = true
  default   = "hunter2"
}

host "mini" {}

launchd "x" {
  program  = ["/usr/bin/true"]
  interval = "1h"
  env      = { TOKEN = var.token }
}
