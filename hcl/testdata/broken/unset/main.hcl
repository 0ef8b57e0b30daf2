variable "n" {
  type = number
}
variable "hosts" {
  type = map(string)
}
host "mini" {
  for_each = var.hosts
  guests   = var.n
  labels   = [each.key, each.value.name]
  reserve {
    memory = 4
  }
}
image "base" {
  host = host.mini["x"]
  from = "x${var.n}"
  cpus = length(var.n, 1)
}
