# The organization whose jobs the Macs run. hostler acts with a token of yours;
# the service of each Mac has one of its own, see its serve block.
variable "owner" {
  type        = string
  description = "The GitHub organization."
  default     = "my-organization"
}

variable "repositories" {
  type        = list(string)
  description = "The repositories whose jobs run on the Macs."
  default     = ["app", "site"]
}

github {
  owner = var.owner
}
