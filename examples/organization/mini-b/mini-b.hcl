# The second Mac: the same images and sizes, less memory kept for itself.
hostler {
  include = ["../common"]
}

host "mini-b" {
  reserve {
    memory = "3GiB"
    disk   = "40GiB"
  }

  serve {
    token   = "keychain:hostler"
    clients = ["runner"]
    group   = runner_group.mini-b
  }
}

runner_group "mini-b" {
  repositories = var.repositories
}

runner "mini-b" {
  group     = runner_group.mini-b
  user      = "runner"
  workflows = local.workflows
}
