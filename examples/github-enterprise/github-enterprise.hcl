# GitHub Enterprise Server, reached as a GitHub App; only one reviewed workflow
# file, on one branch, may use the Mac.
variable "site" {
  type        = string
  description = "Your server's name."
  default     = "github.example.com"
}

variable "owner" {
  type        = string
  description = "The organization there."
  default     = "my-organization"
}

# See images/base/README.md; your server offers the same packages.
variable "runner_sha256" {
  type    = string
  default = ""
}

# The App needs, of the organization: self-hosted runners (write), secrets
# (write); of repositories: contents, pull requests and workflows (write).
github {
  owner   = var.owner
  api_url = "https://${var.site}/api/v3/"
  app {
    id          = 1234
    private_key = "file:~/.config/hostler/app.pem"
  }
}

host "mini" {
  reserve {
    memory = "4GiB"
    disk   = "40GiB"
  }
  serve {
    clients = ["runner"]
    group   = runner_group.reviewed
    metrics = "127.0.0.1:9750"
  }
}

locals {
  workflow = "${var.owner}/app/.github/workflows/release.yml@refs/heads/main"
}

runner_group "reviewed" {
  repositories = ["app"]
  workflows    = [local.workflow]
}

runner "mini" {
  group     = runner_group.reviewed
  user      = "runner"
  workflows = [local.workflow]
}

image "base" {
  from   = "ghcr.io/cirruslabs/macos-sequoia-base:latest"
  cpus   = 4
  memory = "8GiB"
  disk   = "80GB"

  step "setup" {
    script  = "../../images/base/setup.sh"
    env     = { RUNNER_VERSION = "2.336.0", RUNNER_SHA256 = var.runner_sha256 }
    timeout = "30m"
  }
}

profile "release" {
  image   = image.base
  memory  = "8GiB"
  cpus    = 6
  timeout = "90m"
  cache   = "none" # what is shipped is built from nothing but its sources
}

workflow "release" {
  repositories = ["app"]
  template     = "job"
  profile      = profile.release
  with         = { run = "make release" }
}

secret "SIGNING_PASSWORD" {
  visibility = "private"
  value      = "env:SIGNING_PASSWORD"
}
