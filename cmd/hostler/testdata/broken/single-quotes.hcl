host 'mini' {
}
