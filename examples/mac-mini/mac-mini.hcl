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
}
