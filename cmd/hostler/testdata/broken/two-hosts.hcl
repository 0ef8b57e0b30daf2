host "a" {}
host "b" {}
