package main

import "testing"

func TestSample(t *testing.T) {
	for pattern, want := range map[string]string{
		`^v22\.`: "v22.", `^jq-1\.\d+`: "jq-1.1", `(?m)^ok$`: "ok", `a{2,}(b|c)?[^\s]`: "aa1", `.+`: "x", ``: "",
		`Python 3\.1[34]`: "Python 3.13", `(?i)yes|no`: "YES",
	} {
		if got, ok := sample(pattern); got != want || !ok {
			t.Errorf("%q: %q, %v; want %q", pattern, got, ok, want)
		}
	}
	for _, pattern := range []string{`a^b`, `(`} {
		if got, ok := sample(pattern); ok {
			t.Errorf("%q: %q", pattern, got)
		}
	}
}
