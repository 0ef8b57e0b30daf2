host "mini" {
  reserve {
    memory = "4 gigs"
    disk   = "20Gib"
  }
}
