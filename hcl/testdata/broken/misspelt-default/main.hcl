variable "org" {
  defualt = "acme"
}
variable "repo" {
  typ = string
}
