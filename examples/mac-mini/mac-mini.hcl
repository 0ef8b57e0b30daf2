# One Mac mini that runs GitHub Actions jobs, each in a throwaway VM.
# Try it without a Mac: hostler rehearse examples/mac-mini

hostler {
  required_version = ">= 0.1.0"
}

# This machine. 16 GiB of memory: 4 stay with macOS, 12 are lent to VMs.
host "mini" {
  reserve {
    memory = "4GiB"
    disk   = "40GiB"
  }
  macos_guests = 2

  # The dispatch service: a LaunchAgent that lends VMs to jobs. Store its token
  # with: security add-generic-password -U -s hostler -a "$USER" -w
  # The group says which repositories' jobs may run in the VMs.
  serve {
    token = "keychain:hostler"
    group = runner_group.mini
  }

  # A host never sleeps, comes back after a power cut, and leaves its disk to the
  # jobs. Settings that are not named stay as they are.
  settings {
    sleep                    = "never"
    restart_after_power_loss = true
    dhcp_lease               = "10m"
    spotlight                = false
  }
}
