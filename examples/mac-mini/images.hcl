# Golden images: stopped VMs that jobs get a copy-on-write clone of.

image "base" {
  from   = "ghcr.io/cirruslabs/macos-sequoia-base:latest"
  cpus   = 4
  memory = "8GiB"
  disk   = "80GB"
}

# The same system with room for browsers, SDKs and caches.
image "workhorse" {
  from   = image.base
  cpus   = 6
  memory = "8GiB"
  disk   = "120GB"
}
