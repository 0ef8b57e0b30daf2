# A workflow file in each repository, by one pull request each.
workflow "test" {
  repositories = var.repositories
  template     = "job"
  profile      = profile.tester
  with         = { run = "npm ci && npm test" }
  delivery     = "pull_request"
}

secret "NPM_TOKEN" {
  repositories = var.repositories
  value        = "env:NPM_TOKEN"
}
