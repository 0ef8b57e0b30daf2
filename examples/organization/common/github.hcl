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

# The only workflow files whose jobs the coordinators take. mini-a writes them.
locals {
  workflows = [for repository in var.repositories : "${var.owner}/${repository}/.github/workflows/test.yml"]
}
