locals {
  name = upper("x", "y")
}
