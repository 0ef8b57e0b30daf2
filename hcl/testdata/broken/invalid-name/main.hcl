host "my mac" {}
host "1st" {}
