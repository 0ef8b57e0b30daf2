# A launchd job of the login user: free what old clones and pulls left behind.
launchd "nightly-prune" {
  program = ["/opt/homebrew/bin/tart", "prune", "--older-than", "14"]
  calendar = [
    { hour = 3, minute = 30 },
  ]
  stdout = "~/Library/Logs/hostler-prune.log"
  stderr = "~/Library/Logs/hostler-prune.log"
}

# The same workflow file in the checkout of every repository.
workflow "test" {
  for_each = local.repositories

  directory = "${var.checkouts}/${each.key}"
  path      = ".github/workflows/test.yml"
  template  = "files/test.yml.tmpl"
  profile   = profile.tester
  with = {
    run = each.key == "site" ? "npm run check" : "npm test"
  }
}

output "capacity" {
  description = "What this Mac lends to jobs."
  value = {
    macos_guests    = host.mini.macos_guests
    kept_for_macos  = host.mini.reserve.memory
    largest_profile = profile.developer.memory
  }
}
