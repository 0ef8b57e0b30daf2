variable "token" {
  sensitive = true
}
variable "typed" {
  type      = number
  sensitive = true
}
variable "map" {
  type      = map(string)
  sensitive = true
}
variable "list" {
  type      = list(string)
  sensitive = true
}
locals {
  number = tonumber(var.token)
  json   = jsondecode(var.token)
  file   = file(var.token)
  twice  = { for s in var.list : s => 1 }
  nested = { for s in var.list : "x" => tonumber(s) }
  index  = { a = 1 }[var.token]
  regex  = regex(var.token, "x")
  format = format("%d", var.token)
  bools  = { for k, v in var.map : k => tobool(k) }
  attr   = var.map.nothing
}
host "mini" {
  guests = var.token
}
