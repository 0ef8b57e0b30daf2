# Where the runners of the VMs register. The service on the Mac reaches it with
# a token of its own; see the serve block of mac-mini.hcl.
github {
  owner = var.owner
}

# Which repositories may run jobs on the Mac itself.
runner_group "mini" {
  repositories = local.repositories
}

# The coordinator: it receives the jobs that boot VMs, and should get no others.
runner "mini" {
  group = runner_group.mini
}
