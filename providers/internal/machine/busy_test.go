package machine

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A program that somebody has open for writing is waited for.
func TestBusyProgram(t *testing.T) {
	program := filepath.Join(t.TempDir(), "program")
	f, err := os.OpenFile(program, os.O_WRONLY|os.O_CREATE, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("#!/bin/sh\necho ran\n"); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(100*time.Millisecond, func() { f.Close() })
	out, err := Local("", os.Environ()).Run(t.Context(), Command{Program: program})
	if err != nil || string(out.Stdout) != "ran\n" {
		t.Errorf("%q, %v", out.Stdout, err)
	}
}
