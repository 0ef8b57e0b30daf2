# A Mac that runs Linux jobs: many small arm64 guests. Apple's limit of two is
# for macOS guests alone, so memory decides how many run.
variable "owner" {
  type        = string
  description = "The GitHub organization."
  default     = "my-organization"
}

# The checksum of actions-runner-linux-arm64-2.336.0.tar.gz; GitHub publishes it
# beside the package, see README.md.
variable "runner_sha256" {
  type    = string
  default = ""
}

github {
  owner = var.owner
}

host "mini" {
  reserve {
    memory = "4GiB"
    disk   = "40GiB"
  }
  macos_guests = 0 # none is wanted here

  serve {
    token = "keychain:hostler"
    group = runner_group.linux
  }

  settings {
    sleep                    = "never"
    restart_after_power_loss = true
    dhcp_lease               = "10m" # many guests a day need many addresses
  }
}

runner_group "linux" {
  repositories = ["app"]
}

runner "mini" {
  group = runner_group.linux
}

image "ubuntu" {
  from   = "ghcr.io/cirruslabs/ubuntu:latest"
  cpus   = 2
  memory = "2GiB"
  disk   = "40GB"

  step "runner" {
    script = "files/runner.sh"
    env    = { RUNNER_VERSION = "2.336.0", RUNNER_SHA256 = var.runner_sha256 }
  }
  step "docker" {
    run     = "curl -fsSL https://get.docker.com | sudo sh && sudo usermod -aG docker \"$USER\""
    timeout = "15m"
  }

  check "runner" {
    run = "test -x ~/actions-runner/run.sh"
  }
  check "docker" {
    run    = "docker --version"
    expect = "^Docker version"
  }
}

profile "small" {
  image   = image.ubuntu
  memory  = "2GiB"
  cpus    = 2
  timeout = "20m"
}

profile "large" {
  image    = image.ubuntu
  memory   = "6GiB"
  cpus     = 4
  timeout  = "60m"
  priority = 1 # a large one would else wait behind many small ones
}

workflow "test" {
  repositories = ["app"]
  template     = "job"
  profile      = profile.small
  with         = { run = "make test" }
}
