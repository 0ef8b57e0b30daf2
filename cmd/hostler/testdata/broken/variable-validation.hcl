variable "guests" {
  type    = number
  default = 5
  validation {
    condition     = var.guests <= 2
    error_message = "Apple allows two."
  }
}
