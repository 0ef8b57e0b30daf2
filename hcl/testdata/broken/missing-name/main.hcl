host {}
github "acme" {
  owner = "acme"
}
host "a" "b" {}
