package functions

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/url"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// textFunc makes a function of one string.
func textFunc(f func(string) (string, error)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{param("str", cty.String)},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			s, err := f(args[0].AsString())
			return cty.StringVal(s), err
		},
	})
}

// textTest makes a function that tells whether a string has another.
func textTest(f func(s, other string) bool) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{param("str", cty.String), param("other", cty.String)},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.BoolVal(f(args[0].AsString(), args[1].AsString())), nil
		},
	})
}

// sums are the hashes, by the names of the functions that write them in hex.
var sums = map[string]func([]byte) []byte{
	"md5":    func(b []byte) []byte { s := md5.Sum(b); return s[:] },
	"sha1":   func(b []byte) []byte { s := sha1.Sum(b); return s[:] },
	"sha256": func(b []byte) []byte { s := sha256.Sum256(b); return s[:] },
	"sha512": func(b []byte) []byte { s := sha512.Sum512(b); return s[:] },
}

func base64text(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// texts are Terraform's functions on strings that cty lacks.
func texts() map[string]function.Function {
	table := map[string]function.Function{
		"startswith":   textTest(strings.HasPrefix),
		"endswith":     textTest(strings.HasSuffix),
		"strcontains":  textTest(strings.Contains),
		"replace":      replaceFunc(),
		"basename":     textFunc(func(s string) (string, error) { return path.Base(s), nil }),
		"dirname":      textFunc(func(s string) (string, error) { return path.Dir(s), nil }),
		"urlencode":    textFunc(func(s string) (string, error) { return url.QueryEscape(s), nil }),
		"base64encode": textFunc(func(s string) (string, error) { return base64text([]byte(s)), nil }),
		"base64decode": textFunc(decodeBase64),
		"base64sha256": textFunc(func(s string) (string, error) { return base64text(sums["sha256"]([]byte(s))), nil }),
		"base64sha512": textFunc(func(s string) (string, error) { return base64text(sums["sha512"]([]byte(s))), nil }),
	}
	for name, sum := range sums {
		table[name] = textFunc(func(s string) (string, error) { return hex.EncodeToString(sum([]byte(s))), nil })
	}
	return table
}

func decodeBase64(s string) (string, error) {
	raw, err := base64.StdEncoding.DecodeString(s)
	switch {
	case err != nil:
		return "", errors.New("this is not base64")
	case !utf8.Valid(raw):
		return "", errors.New("the decoded bytes are not UTF-8 text")
	}
	return string(raw), nil
}

// replaceFunc takes a pattern between slashes as a regular expression, any
// other literally.
func replaceFunc() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{param("str", cty.String), param("substr", cty.String), param("replace", cty.String)},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if p := args[1].AsString(); len(p) > 1 && p[0] == '/' && p[len(p)-1] == '/' {
				return stdlib.RegexReplace(args[0], cty.StringVal(p[1:len(p)-1]), args[2])
			}
			return stdlib.Replace(args[0], args[1], args[2])
		},
	})
}
