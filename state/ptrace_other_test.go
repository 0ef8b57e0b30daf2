//go:build !(linux && amd64)

package state

func stopAtChanges() {}
