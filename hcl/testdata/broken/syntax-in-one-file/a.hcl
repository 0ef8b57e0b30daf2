variable "tag" {
  default = 
}
