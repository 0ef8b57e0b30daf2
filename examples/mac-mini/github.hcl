# Where the runners of the VMs register. The service on the Mac reaches it with
# a token of its own; see the serve block of mac-mini.hcl.
github {
  owner = var.owner
}
