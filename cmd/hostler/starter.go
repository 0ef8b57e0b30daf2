package main

import (
	"fmt"
	"strings"
)

// starterFor is the configuration that init writes into an empty folder: for
// jobs of an owner's repositories, where one is named.
func starterFor(owner string, repositories []string) string {
	if owner == "" {
		return starter
	}
	var list []string
	for _, r := range repositories {
		list = append(list, fmt.Sprintf("%q", r))
	}
	head, _, _ := strings.Cut(starter, "# Any job of launchd")
	head = strings.Replace(head, "  macos_guests = 2\n", "  macos_guests = 2\n\n"+starterServe, 1)
	return head + fmt.Sprintf(starterGitHub, owner, strings.Join(list, ", "))
}

// starterServe is what of the host concerns GitHub.
const starterServe = `  # The service that lends VMs to jobs. Store its token with:
  # security add-generic-password -U -s hostler -a "$USER" -w
  serve {
    token = "keychain:hostler"
    group = runner_group.mac
  }

  # Of macOS' settings those that are named here are managed. A Mac that sleeps
  # or updates itself loses its jobs.
  settings {
    sleep                   = "never"
    software_update_install = false
    dhcp_lease              = "10m"
  }
`

// starterGitHub is what is at GitHub.
const starterGitHub = `# Where the jobs come from. hostler itself acts with $GITHUB_TOKEN, or what gh is
# logged in with.
github {
  owner = "%s"
}

locals {
  repositories = [%s]
}

# Which repositories may run jobs on this Mac, and in its VMs.
runner_group "mac" {
  repositories = local.repositories
}

# The coordinator: the runner on the Mac itself. It takes the jobs that ask for
# VMs, and should get no others.
runner "mac" {
  group = runner_group.mac
}

# A workflow file in each repository, by pull request: its job runs in a VM.
workflow "test" {
  repositories = local.repositories
  template     = "job"
  profile      = profile.developer
  with         = { run = "echo hello from a throwaway VM" }
}
`

const starter = `# A Mac that runs GitHub Actions jobs, each in a throwaway VM.
# hostler schema explains every block and attribute.

# This machine. What is not reserved is lent to VMs.
host "mac" {
  reserve {
    memory = "4GiB"
    disk   = "20GiB"
  }
  # Apple allows two running macOS guests on one Mac.
  macos_guests = 2
}

# A golden image: a stopped VM that every job gets a copy-on-write clone of.
image "base" {
  from   = "ghcr.io/cirruslabs/macos-sequoia-base:latest"
  cpus   = 4
  memory = "8GiB"
}

# A size of VM that a job may ask for, by its label: runs-on: [self-hosted, developer]
profile "developer" {
  image   = image.base
  memory  = "8GiB"
  cpus    = 4
  timeout = "60m"
}

# Any job of launchd can be declared as well; its whole plist is managed.
# launchd "nightly-prune" {
#   program  = ["/opt/homebrew/bin/tart", "prune", "--older-than", "14"]
#   calendar = [{ hour = 3, minute = 30 }]
# }

# And workflow files in the checkouts of your repositories.
# workflow "test" {
#   directory = "~/src/app"
#   template  = "test.yml.tmpl"
#   profile   = profile.developer
# }
`
