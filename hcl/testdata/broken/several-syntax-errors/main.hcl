host "a" {
  guests: 2
}
host "b" {
  labels = ["x, "y"]
}
host "c" {
  guests 3
}
image "x" {
  from = 'x'
}
