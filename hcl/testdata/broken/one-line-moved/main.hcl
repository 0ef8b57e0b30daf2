host "mini" {}
moved { from = host.old to = host.mini }
