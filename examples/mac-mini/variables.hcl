variable "owner" {
  type        = string
  description = "The GitHub organization, or OWNER/REPOSITORY for a single one."
  default     = "my-organization"
}

variable "checkouts" {
  type        = string
  description = "Folder that holds the checkouts of the repositories below."
  default     = "~/src"
}

# The checksum of the Actions runner that goes into the base image. Without it
# the image is not built: images/base/README.md says where GitHub publishes it.
variable "runner_sha256" {
  type    = string
  default = ""
}

locals {
  repositories = toset(["app", "site"])
}
