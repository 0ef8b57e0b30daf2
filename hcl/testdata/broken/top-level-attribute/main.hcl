memory = "8GiB"
host "mini" {}
