host "mini" {}
image "base" {
  from   = "ghcr.io/acme/base"
  memroy = "8GiB"
  for_eech = {}
}
