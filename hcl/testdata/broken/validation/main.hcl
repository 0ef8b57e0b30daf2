variable "env" {
  validation {
    condition     = contains(["dev", "prod"], var.env)
    error_message = "The environment is ${var.env}; it must be dev or prod."
  }
}
variable "token" {
  sensitive = true
  validation {
    condition     = length(var.token) > 10
    error_message = "Bad token ${var.token}."
  }
  validation {
    condition     = startswith(var.token, "x")
    error_message = "The token must begin with x."
  }
}
variable "port" {
  type = number
  validation {
    condition = var.port > 1024
  }
  validation {
    condition     = "no"
    error_message = "Never."
  }
}
output "env" {
  value = upper(var.env, 1)
}
