workflow "x" {
  directory = "/Users/admin/app"
  template  = "nowhere.yml.tmpl"
}
