package term

import (
	"bytes"
	"io"
	"os"

	"golang.org/x/term"
)

// Keys hands over single keys of a terminal, without an echo, until restore is
// called, which puts the terminal back. While it does not, lines end with what
// Lines writes, and Ctrl-C is the key 3. ok is false where in is no terminal.
func Keys(in io.Reader) (keys <-chan byte, restore func(), ok bool) {
	f, isFile := in.(*os.File)
	if !isFile || !term.IsTerminal(int(f.Fd())) {
		return nil, func() {}, false
	}
	before, err := term.MakeRaw(int(f.Fd()))
	if err != nil {
		return nil, func() {}, false
	}
	all := make(chan byte)
	go func() {
		// It ends with the program: a read of a terminal can't be cut short.
		for key := make([]byte, 1); ; {
			if n, err := f.Read(key); n == 0 || err != nil {
				close(all)
				return
			}
			all <- key[0]
		}
	}()
	return all, func() { _ = term.Restore(int(f.Fd()), before) }, true
}

// Lines writes to a terminal that Keys reads: there a line's end does not go
// back to the first column by itself.
type Lines struct{ To io.Writer }

func (l Lines) Write(p []byte) (int, error) {
	if _, err := l.To.Write(bytes.ReplaceAll(p, []byte("\n"), []byte("\r\n"))); err != nil {
		return 0, err
	}
	return len(p), nil
}
