package main

// starter is the configuration that init writes into an empty folder.
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
