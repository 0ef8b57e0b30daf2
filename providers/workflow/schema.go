package workflow

import (
	"fmt"
	"path"
	"regexp"
	"strings"
	"unicode"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/schema"
)

// File is one workflow file.
type File struct {
	Directory    string            `cty:"directory"` // absolute once resolved; "" with repositories
	Repositories []string          `cty:"repositories"`
	Branch       string            `cty:"branch"`
	Delivery     string            `cty:"delivery"`
	Path         string            `cty:"path"`
	Template     string            `cty:"template"`
	Profile      string            `cty:"profile"` // address
	With         map[string]string `cty:"with"`
	Owner        string            `cty:"owner"`
	Content      string            `cty:"content"`
	Edits        string            `cty:"edits"`
}

func block() *schema.Block {
	return &schema.Block{
		Type: "workflow",
		Doc:  "A GitHub Actions workflow file, rendered from a template: in repositories at GitHub, or in a folder of this Mac.",
		Uses: []string{"github"},
		Attrs: []schema.Attr{
			{Name: "repositories", Type: schema.ListOf(schema.String), Check: checkRepositories,
				Doc: "The owner's repositories that get the file, without the owner."},
			{Name: "branch", Type: schema.String, Replace: true, Check: checkBranch, Doc: "The branch of the repositories; main when left out."},
			{Name: "delivery", Type: schema.String, Check: schema.OneOf("pull_request", "commit"),
				Doc: "pull_request, which is what it is when left out: one in each repository that carries all its files. Or commit, straight to the branch."},
			{Name: "directory", Type: schema.Path, Replace: true, Check: checkDirectory,
				Doc: "Instead of repositories: the folder that the file is written to, such as a checkout; relative to the configuration folder, absolute, or under ~/."},
			{Name: "path", Type: schema.String, Replace: true, Check: checkPath,
				Doc: "The file's path in the directory or the repositories; when it is left out, a new file is .github/workflows/NAME.yml and any other stays where it is."},
			{Name: "template", Type: schema.PathOr(builtinWords()...), Required: true, Check: checkTemplate,
				Doc: "job (runs with.run in a VM of the profile), claude-agent or codex-agent (answer comments that mention them), selftest, " +
					"or a file *.yml.tmpl: Go's text/template with <% and %> as delimiters. " +
					"It is given .name, .with, and .profile with name, labels, memory, cpus, timeout (in minutes) and trust. " +
					"Beside Go's own functions it has json (any value as JSON, which is YAML), indent N (N blanks before each line but the first), quote (one word of a shell), " +
					"expr (a string in one of GitHub's expressions), slug (a name fit for a branch) and list (the words of a text). " +
					"What it gives is refused unless GitHub would accept it and it is safe beside a Mac that others share."},
			{Name: "profile", Type: schema.RefTo("profile"), Doc: "The profile that the template asks for."},
			{Name: "with", Type: schema.MapOf(schema.String), Doc: "Values for the template. One that it uses and that is not here is an error, unless it asks for it as index .with \"key\"."},
			{Name: "owner", Type: schema.String, Computed: true, Replace: true, Doc: "The owner of the repositories."},
			{Name: "content", Type: schema.String, Computed: true, Doc: "What the file holds, or will hold when the pull request is merged."},
			{Name: "edits", Type: schema.String, Computed: true, Doc: "What the file holds instead, in which repositories, where somebody has edited it; else \"none\"."},
		},
		Check: checkPlace,
	}
}

func checkPlace(v cty.Value) error {
	dir, repos := v.GetAttr("directory"), v.GetAttr("repositories")
	if !dir.IsKnown() || !repos.IsKnown() {
		return nil
	}
	switch {
	case dir.IsNull() && repos.IsNull():
		return schema.At(cty.GetAttrPath("repositories"), "where the file goes is not said; write repositories, or directory for a folder of this Mac")
	case !dir.IsNull() && !repos.IsNull():
		return schema.At(cty.GetAttrPath("directory"), "the file goes to repositories or to a directory; write one of the two, and another block for the other")
	}
	for _, name := range []string{"branch", "delivery"} {
		if e := v.GetAttr(name); !dir.IsNull() && e.IsKnown() && !e.IsNull() {
			return schema.At(cty.GetAttrPath(name), "%s is for repositories; a directory has no branches that hostler looks at", name)
		}
	}
	return nil
}

func checkRepositories(v cty.Value) error {
	if v.LengthInt() == 0 {
		return fmt.Errorf("there is no repository in it; write the names of some")
	}
	seen := map[string]bool{}
	for i, e := range v.AsValueSlice() {
		name := e.AsString()
		if !regexp.MustCompile(`^[A-Za-z0-9_.-]{1,100}$`).MatchString(name) {
			return schema.At(cty.IndexIntPath(i), "%q is no repository's name; write it without the owner", name)
		}
		if seen[strings.ToLower(name)] {
			return schema.At(cty.IndexIntPath(i), "%q stands twice", name)
		}
		seen[strings.ToLower(name)] = true
	}
	return nil
}

func checkBranch(v cty.Value) error {
	if !regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*$`).MatchString(v.AsString()) {
		return fmt.Errorf("%q is no branch", v.AsString())
	}
	return nil
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
