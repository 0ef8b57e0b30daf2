# Images of your own: a private registry, a chain of three, uploads, checks that
# use the tools, earlier builds kept, and a VM that stood here before hostler.
variable "owner" {
  type        = string
  description = "The GitHub organization."
  default     = "my-organization"
}

github {
  owner = var.owner
}

host "studio" {
  reserve {
    memory = "6GiB"
    disk   = "60GiB"
  }
  serve {
    token = "keychain:hostler"
  }
}

# Pinned by digest when it is first planned; hostler plan says when the tag has
# moved, and --upgrade follows it. A private registry is logged in to with
# `tart login REGISTRY`, once.
image "system" {
  from   = "ghcr.io/cirruslabs/macos-tahoe-base:latest"
  cpus   = 4
  memory = "8GiB"
  disk   = "100GB"

  login {
    user     = "admin"
    password = "literal:admin" # what the public images ship
  }

  step "certificates" {
    upload = "files/company-ca.pem"
    to     = "company-ca.pem"
  }
  step "trust" {
    run = "sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain ~/company-ca.pem"
  }
}

image "toolchain" {
  from = image.system

  step "homebrew" {
    script  = "files/tools.sh"
    env     = { TOOLS = "jq swiftlint xcbeautify" }
    timeout = "30m"
  }

  check "tools" {
    run    = "jq --version && swiftlint version"
    expect = "^jq-"
  }

  keep = 2 # hostler image rollback goes back two builds
}

# The dependencies of one big repository, so that its jobs begin warm. Editing
# the list plans a build of this image alone.
image "monorepo" {
  from = image.toolchain

  step "dependencies" {
    run     = "git clone --depth 1 https://github.com/${var.owner}/app ~/warm && cd ~/warm && make dependencies"
    timeout = "45m"
  }
}

profile "build" {
  image   = image.monorepo
  memory  = "8GiB"
  cpus    = 4
  timeout = "90m"
}

profile "lint" {
  image   = image.toolchain
  memory  = "8GiB"
  cpus    = 2
  timeout = "15m"
}
