# The first of two Macs. What they share is in ../common; this one also looks
# after what is at GitHub and not on a Mac.
hostler {
  include = ["../common"]
}

host "mini-a" {
  reserve {
    memory = "4GiB"
    disk   = "40GiB"
  }

  serve {
    token   = "keychain:hostler"
    clients = ["runner"]
    group   = runner_group.mini-a
  }
}

# Who may run jobs on the Mac itself: the coordinator is for the jobs that boot
# VMs, and nothing else should reach it.
runner_group "mini-a" {
  repositories = var.repositories
}

# The coordinator, under an account without rights of its own. Add it with:
# sudo sysadminctl -addUser runner -password -
runner "mini-a" {
  group     = runner_group.mini-a
  user      = "runner"
  workflows = local.workflows
}
