package main

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/pflag"

	"hostler/hcl"
)

// formatter is one call of fmt.
type formatter struct {
	*project
	write, list, diff, check, recursive bool
	changed                             bool
	diags                               hcl.Diagnostics
}

func format(a *app, f *pflag.FlagSet) func([]string) error {
	fm := &formatter{}
	f.BoolVar(&fm.write, "write", true, "with =false: leave the files as they are")
	f.BoolVar(&fm.list, "list", true, "with =false: do not print the names of files that change")
	f.BoolVar(&fm.diff, "diff", false, "print how files change")
	f.BoolVar(&fm.check, "check", false, "change nothing; exit 3 if something would change")
	f.BoolVar(&fm.recursive, "recursive", false, "folders below as well")
	return func(args []string) error {
		fm.project = a.open()
		fm.write = fm.write && !fm.check
		if len(args) == 0 {
			args = []string{"."}
		}
		for _, arg := range args {
			if arg == "-" {
				return fm.stdin()
			}
			if err := fm.path(arg); err != nil {
				return fm.reportError(err)
			}
		}
		if err := fm.report(fm.diags); err != nil {
			return err
		}
		if fm.check && fm.changed {
			return exitCode(exitUnformatted)
		}
		return nil
	}
}

func (f *formatter) stdin() error {
	src, err := io.ReadAll(f.app.process.stdin)
	if err != nil {
		return err
	}
	out, diags := hcl.Format("<stdin>", src)
	if err := f.report(diags); err != nil {
		return err
	}
	if _, err := f.stdout.Write(out); err != nil {
		return err
	}
	if f.check && !bytes.Equal(src, out) {
		return exitCode(exitUnformatted)
	}
	return nil
}

// path formats a file, or the files of a folder.
func (f *formatter) path(name string) error {
	info, err := os.Stat(f.inDir(name))
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return f.file(name)
	}
	return filepath.WalkDir(f.inDir(name), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		top := path == f.inDir(name)
		if d.IsDir() && !top && (!f.recursive || strings.HasPrefix(d.Name(), ".")) {
			return filepath.SkipDir
		}
		if d.IsDir() || !(strings.HasSuffix(path, ".hcl") || strings.HasSuffix(path, ".hclvars")) {
			return nil
		}
		rel, err := filepath.Rel(f.dir, path)
		if err != nil {
			return err
		}
		return f.file(rel)
	})
}

func (f *formatter) file(name string) error {
	path := f.inDir(name)
	src, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	out, diags := hcl.Format(name, src)
	f.diags = append(f.diags, diags...)
	if diags.HasErrors() || bytes.Equal(src, out) {
		return nil
	}
	f.changed = true
	if f.list {
		fmt.Fprintln(f.stdout, name)
	}
	if f.diff {
		f.stdout.Write(diff.Diff("old/"+name, src, "new/"+name, out))
	}
	if !f.write {
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return replaceFile(path, out, info.Mode().Perm())
}

// replaceFile changes a file whole or not at all.
func replaceFile(path string, data []byte, perm fs.FileMode) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if _, err := tmp.Write(data); err != nil {
		tmp.Close()
		return err
	}
	if err := tmp.Chmod(perm); err != nil {
		tmp.Close()
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
