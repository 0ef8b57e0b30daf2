# Both Macs lend the same sizes, so a job runs on whichever has room.

profile "developer" {
  image   = image.base
  memory  = "8GiB"
  cpus    = 6
  timeout = "60m"
}

profile "tester" {
  image   = image.base
  memory  = "4GiB"
  cpus    = 4
  timeout = "30m"
}
