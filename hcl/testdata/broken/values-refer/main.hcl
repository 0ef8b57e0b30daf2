variable "org" {}
