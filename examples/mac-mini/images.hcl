# Golden images: stopped VMs that jobs get a copy-on-write clone of. A build
# boots the image, runs the steps in order, and becomes the image only when all
# checks pass. Editing a script plans a build that begins with that step.

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

  check "runner" {
    run = "test -x ~/actions-runner/run.sh"
  }
}

# The same system with what jobs need; see images/workhorse for more tools.
image "workhorse" {
  from   = image.base
  cpus   = 6
  memory = "8GiB"
  disk   = "120GB"

  step "node" {
    script = "../../images/workhorse/node.sh"
  }
  step "ffmpeg" {
    script = "../../images/workhorse/ffmpeg.sh"
  }
  step "gitconfig" {
    upload = "files/gitconfig"
    to     = ".gitconfig"
  }

  check "node" {
    run    = "node --version"
    expect = "^v22\\."
  }
  check "ffmpeg" {
    run    = "ffmpeg -version"
    expect = "^ffmpeg version"
  }

  keep = 1
}
