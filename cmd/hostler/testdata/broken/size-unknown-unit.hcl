host "mini" {
  reserve {
    memory = "4 gigs"
  }
}
