# The checksum of the Actions runner that goes into the base image; see
# images/base/README.md.
variable "runner_sha256" {
  type    = string
  default = ""
}

image "base" {
  from   = "ghcr.io/cirruslabs/macos-sequoia-base:latest"
  cpus   = 4
  memory = "8GiB"
  disk   = "80GB"

  step "setup" {
    script  = "../../../images/base/setup.sh"
    env     = { RUNNER_VERSION = "2.336.0", RUNNER_SHA256 = var.runner_sha256 }
    timeout = "30m"
  }

  check "runner" {
    run = "test -x ~/actions-runner/run.sh"
  }
}
