package workflow

import (
	"fmt"
	"path"
	"strings"
	"unicode"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/schema"
)

// File is one workflow file.
type File struct {
	Directory string            `cty:"directory"` // absolute once resolved
	Path      string            `cty:"path"`
	Template  string            `cty:"template"`
	Profile   string            `cty:"profile"` // address
	With      map[string]string `cty:"with"`
	Content   string            `cty:"content"`
}

func block() *schema.Block {
	return &schema.Block{
		Type: "workflow",
		Doc:  "A GitHub Actions workflow file in a folder of this Mac, rendered from a template.",
		Attrs: []schema.Attr{
			{Name: "directory", Type: schema.Path, Required: true, Replace: true, Check: checkDirectory,
				Doc: "The folder that the file is written to, such as a checkout; relative to the configuration folder, absolute, or under ~/."},
			{Name: "path", Type: schema.String, Replace: true, Check: checkPath,
				Doc: "The file's path in the directory; when it is left out, a new file is .github/workflows/NAME.yml and any other stays where it is."},
			{Name: "template", Type: schema.PathOr(builtinWords()...), Required: true, Check: checkTemplate,
				Doc: "job (runs with.run in a VM of the profile), claude-agent or codex-agent (answer comments that mention them), selftest, " +
					"or a file *.yml.tmpl: Go's text/template with <% and %> as delimiters. " +
					"It is given .name, .with, and .profile with name, labels, memory, cpus, timeout (in minutes) and trust. " +
					"Beside Go's own functions it has json (any value as JSON, which is YAML), indent N (N blanks before each line but the first), quote (one word of a shell), " +
					"expr (a string in one of GitHub's expressions), slug (a name fit for a branch) and list (the words of a text). " +
					"What it gives is refused unless GitHub would accept it and it is safe beside a Mac that others share."},
			{Name: "profile", Type: schema.RefTo("profile"), Doc: "The profile that the template asks for."},
			{Name: "with", Type: schema.MapOf(schema.String), Doc: "Values for the template. One that it uses and that is not here is an error, unless it asks for it as index .with \"key\"."},
			{Name: "content", Type: schema.String, Computed: true, Doc: "What the file holds."},
		},
	}
}

func checkDirectory(v cty.Value) error {
	p := v.AsString()
	switch {
	case p == "":
		return fmt.Errorf("the directory is empty; write \".\" for the configuration folder")
	case strings.HasPrefix(p, "~") && p != "~" && !strings.HasPrefix(p, "~/"):
		return fmt.Errorf("%q names the home of another user, which hostler does not look up; write the path from / on, or your own home as ~/", p)
	}
	return oneLine(p)
}

func checkPath(v cty.Value) error {
	p := v.AsString()
	switch {
	case path.IsAbs(p), strings.HasPrefix(p, "~"), p != path.Clean(p), p == "..", strings.HasPrefix(p, "../"):
		return fmt.Errorf("%q must be a plain relative path, such as \".github/workflows/test.yml\"", p)
	case !strings.HasSuffix(p, ".yml") && !strings.HasSuffix(p, ".yaml"):
		return fmt.Errorf("%q must end in .yml or .yaml: GitHub reads no other files", p)
	}
	return oneLine(p)
}

func checkTemplate(v cty.Value) error {
	p := v.AsString()
	if _, ok := builtinOf(p); !ok && !strings.HasSuffix(p, ".tmpl") {
		hint := ""
		if near := schema.Nearest(path.Base(p), builtinWords()); near != "" {
			hint = fmt.Sprintf("; did you mean %q?", near)
		}
		return fmt.Errorf("%q must end in .tmpl, or be one of %s%s", p, strings.Join(builtinWords(), ", "), hint)
	}
	return oneLine(p)
}

// oneLine keeps a path fit for file names, and for the comment at the top of
// the file.
func oneLine(p string) error {
	if strings.ContainsFunc(p, unicode.IsControl) {
		return fmt.Errorf("%q has a control character", p)
	}
	return nil
}
