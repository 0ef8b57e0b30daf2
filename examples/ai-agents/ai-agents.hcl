# Claude and Codex answer comments, each in a throwaway VM: no cache of others,
# no private network, no key beside what publishes.
variable "owner" {
  type        = string
  description = "The GitHub organization."
  default     = "my-organization"
}

variable "repositories" {
  type        = list(string)
  description = "Where people may ask the agents."
  default     = ["app"]
}

# See images/base/README.md.
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

  serve {
    token   = "keychain:hostler"
    clients = ["runner"]
    group   = runner_group.agents
  }
}

runner_group "agents" {
  repositories = var.repositories
}

# The coordinator has an account without rights of its own, and takes comments'
# jobs alone. Add it with: sudo sysadminctl -addUser runner -password -
runner "mini" {
  group  = runner_group.agents
  user   = "runner"
  events = ["issue_comment", "pull_request_review_comment"]
}

image "base" {
  from   = "ghcr.io/cirruslabs/macos-sequoia-base:latest"
  cpus   = 4
  memory = "6GiB"
  disk   = "80GB"

  step "setup" {
    script  = "../../images/base/setup.sh"
    env     = { RUNNER_VERSION = "2.336.0", RUNNER_SHA256 = var.runner_sha256 }
    timeout = "30m"
  }
}

image "agents" {
  from = image.base

  step "node" {
    script = "../../images/workhorse/node.sh"
  }
  step "claude" {
    script = "../../images/workhorse/claude.sh"
  }
  step "codex" {
    script = "../../images/workhorse/codex.sh"
  }

  check "claude" {
    run = file("../../images/workhorse/check-claude.sh")
  }
  check "codex" {
    run = file("../../images/workhorse/check-codex.sh")
  }
}

profile "agent" {
  image   = image.agents
  memory  = "6GiB"
  cpus    = 4
  timeout = "45m"
  trust   = "agent"
  cache   = "none"
  network = "softnet"
}

secret "ANTHROPIC_API_KEY" {
  repositories = var.repositories
  value        = "env:ANTHROPIC_API_KEY"
}

secret "OPENAI_API_KEY" {
  repositories = var.repositories
  value        = "env:OPENAI_API_KEY"
}

workflow "claude" {
  repositories = var.repositories
  template     = "claude-agent"
  profile      = profile.agent
}

workflow "codex" {
  repositories = var.repositories
  template     = "codex-agent"
  profile      = profile.agent
}
