variable "checkouts" {
  type        = string
  description = "Folder that holds the checkouts of the repositories below."
  default     = "~/src"
}

locals {
  repositories = toset(["app", "site"])
}
