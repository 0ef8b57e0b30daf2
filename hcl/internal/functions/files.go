package functions

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// files are the functions that read files; relative paths start at dir. A
// template may call every function but templatefile, so that none calls
// itself.
func files(dir string, table map[string]function.Function) map[string]function.Function {
	of := func(use func([]byte) (string, error)) function.Function {
		return textFunc(func(path string) (string, error) {
			raw, err := read(dir, path)
			if err != nil {
				return "", err
			}
			return use(raw)
		})
	}
	readers := map[string]function.Function{
		"file": of(func(raw []byte) (string, error) {
			if !utf8.Valid(raw) {
				return "", errors.New("the file is not UTF-8 text; use filebase64 for other files")
			}
			return string(raw), nil
		}),
		"filebase64": of(func(raw []byte) (string, error) { return base64text(raw), nil }),
		"fileexists": existsFunc(dir),
		"fileset":    filesetFunc(dir),
	}
	for name, sum := range sums {
		readers["file"+name] = of(func(raw []byte) (string, error) { return hex.EncodeToString(sum(raw)), nil })
	}
	for _, name := range []string{"sha256", "sha512"} {
		readers["filebase64"+name] = of(func(raw []byte) (string, error) { return base64text(sums[name](raw)), nil })
	}
	inTemplates := maps.Clone(table)
	maps.Copy(inTemplates, readers)
	inTemplates["templatefile"] = function.New(&function.Spec{
		VarParam: &function.Parameter{Type: cty.DynamicPseudoType},
		Type: func([]cty.Value) (cty.Type, error) {
			return cty.NilType, errors.New("a template can't call templatefile; call it outside and pass in the text")
		},
	})
	readers["templatefile"] = templatefileFunc(dir, inTemplates)
	return readers
}

func resolve(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// read names the path as it was written: the folder is the reader's to know.
func read(dir, path string) ([]byte, error) {
	raw, err := os.ReadFile(resolve(dir, path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no file %q; paths are relative to the folder of the file that calls this function", path)
	}
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return nil, fmt.Errorf("file %q: %w", path, pathErr.Err)
	}
	return raw, err
}

func existsFunc(dir string) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{param("path", cty.String)},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			info, err := os.Stat(resolve(dir, args[0].AsString()))
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return cty.False, nil
			case err != nil:
				return cty.NilVal, fmt.Errorf("file %q can't be looked at", args[0].AsString())
			case !info.Mode().IsRegular():
				return cty.NilVal, fmt.Errorf("%q is not a regular file", args[0].AsString())
			}
			return cty.True, nil
		},
	})
}

func filesetFunc(dir string) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{param("path", cty.String), param("pattern", cty.String)},
		Type:   function.StaticReturnType(cty.Set(cty.String)),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			root := os.DirFS(resolve(dir, args[0].AsString()))
			names, err := doublestar.Glob(root, args[1].AsString(), doublestar.WithFilesOnly())
			if err != nil {
				return cty.NilVal, function.NewArgErrorf(1, "%q is not a pattern for files", args[1].AsString())
			}
			if len(names) == 0 {
				return cty.SetValEmpty(cty.String), nil
			}
			vals := make([]cty.Value, len(names))
			for i, name := range names {
				vals[i] = cty.StringVal(name)
			}
			return cty.SetVal(vals), nil
		},
	})
}

func templatefileFunc(dir string, table map[string]function.Function) function.Function {
	render := func(args []cty.Value) (cty.Value, error) {
		path := args[0].AsString()
		raw, err := read(dir, path)
		if err != nil {
			return cty.DynamicVal, function.NewArgError(0, err)
		}
		if t := args[1].Type(); !t.IsObjectType() && !t.IsMapType() {
			return cty.DynamicVal, function.NewArgErrorf(1, "the variables must be a map or an object")
		}
		expr, diags := hclsyntax.ParseTemplate(raw, path, hcl.InitialPos)
		if diags.HasErrors() {
			return cty.DynamicVal, templateError(diags)
		}
		ctx := &hcl.EvalContext{Variables: args[1].AsValueMap(), Functions: table}
		for _, t := range expr.Variables() {
			if _, ok := ctx.Variables[t.RootName()]; !ok {
				return cty.DynamicVal, function.NewArgErrorf(1, "vars map does not contain key %q, referenced at %s", t.RootName(), t.SourceRange())
			}
		}
		v, diags := expr.Value(ctx)
		if diags.HasErrors() {
			return cty.DynamicVal, templateError(diags)
		}
		return v, nil
	}
	return function.New(&function.Spec{
		Params: []function.Parameter{param("path", cty.String), param("vars", cty.DynamicPseudoType)},
		Type: func(args []cty.Value) (cty.Type, error) {
			if !args[0].IsKnown() || !args[1].IsKnown() {
				return cty.DynamicPseudoType, nil
			}
			v, err := render(args)
			return v.Type(), err
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return render(args) },
	})
}

func templateError(diags hcl.Diagnostics) error {
	return fmt.Errorf("%s: %s: %s", diags[0].Subject, diags[0].Summary, strings.TrimSuffix(diags[0].Detail, "."))
}
