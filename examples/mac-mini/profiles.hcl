# The sizes of VM that a job may ask for, by label.

profile "developer" {
  image   = image.workhorse
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

# Runs code that a language model wrote: sees nobody's cache, reaches no
# private network.
profile "agent" {
  image   = image.workhorse
  memory  = "6GiB"
  cpus    = 4
  timeout = "45m"
  trust   = "agent"
  cache   = "none"
  network = "softnet"
}
