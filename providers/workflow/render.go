package workflow

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"text/template"
	"time"

	"go.yaml.in/yaml/v3"

	"hostler/hcl/addr"
	"hostler/hcl/schema"
	"hostler/providers"
)

// parsed is a template as it was at one time.
type parsed struct {
	mtime time.Time
	size  int64
	tmpl  *template.Template
}

// render is what the file should hold.
func (c *files) render(want *File, name string, config providers.Lookup) (string, error) {
	profile, err := profileData(want.Profile, config)
	if err != nil {
		return "", providers.AttrErrorf("profile", "%w", err)
	}
	t, err := c.template(want.Template)
	if err != nil {
		return "", providers.AttrErrorf("template", "%w", err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Managed by hostler from %s: change the template, then apply; edits here are undone.\n", want.Template)
	with := want.With
	if with == nil {
		with = map[string]string{}
	}
	if err := t.Execute(&b, map[string]any{"name": name, "with": with, "profile": profile}); err != nil {
		return "", providers.AttrErrorf("template", "%s", strings.TrimPrefix(err.Error(), "template: "))
	}
	content := strings.TrimRight(b.String(), "\n") + "\n"
	if err := checkYAML(content); err != nil {
		return "", providers.AttrErrorf("template", "%s renders to what is no YAML: %w", want.Template, err)
	}
	return content, nil
}

// template parses a template, once as long as its file stays as it is. It is
// part of the configuration, so it does not lie under a simulated Mac's root.
func (c *files) template(name string) (*template.Template, error) {
	file, err := c.local(name)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no template %s", file)
	case err != nil:
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.templates[name]; p.tmpl != nil && p.mtime.Equal(info.ModTime()) && p.size == info.Size() {
		return p.tmpl, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	t, err := template.New(name).Delims("<%", "%>").Option("missingkey=error").Funcs(functions()).Parse(string(text))
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "template: "))
	}
	c.templates[name] = parsed{info.ModTime(), info.Size(), t}
	return t, nil
}

// local is an absolute path; relative ones start at the configuration folder.
func (c *files) local(p string) (string, error) {
	if p == "~" || strings.HasPrefix(p, "~/") {
		return c.m.Expand(p)
	}
	if filepath.IsAbs(p) {
		return filepath.Clean(p), nil
	}
	return filepath.Abs(filepath.Join(c.dir, p))
}

func functions() template.FuncMap {
	return template.FuncMap{
		"json": func(v any) (string, error) {
			var b bytes.Buffer
			e := json.NewEncoder(&b)
			e.SetEscapeHTML(false)
			err := e.Encode(v)
			return strings.TrimSuffix(b.String(), "\n"), err
		},
		"indent": func(n int, s string) string {
			return strings.ReplaceAll(s, "\n", "\n"+strings.Repeat(" ", max(n, 0)))
		},
		"quote": func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" },
	}
}

// profileData is the profile as templates see it; nil when there is none.
func profileData(ref string, config providers.Lookup) (map[string]any, error) {
	if ref == "" {
		return nil, nil
	}
	a, err := addr.Parse(ref)
	if err != nil {
		return nil, err
	}
	p, ok := config.Get(a)
	if !ok {
		return nil, fmt.Errorf("there is no %s", a)
	}
	cpus, _ := p.GetAttr("cpus").AsBigFloat().Int64()
	timeout, err := schema.ParseDuration(p.GetAttr("timeout").AsString())
	if err != nil {
		return nil, err
	}
	name := providers.InstanceName(a)
	labels := []string{name}
	if list := p.GetAttr("labels"); !list.IsNull() && list.LengthInt() > 0 {
		labels = labels[:0]
		for _, l := range list.AsValueSlice() {
			labels = append(labels, l.AsString())
		}
	}
	return map[string]any{
		"name": name, "labels": labels, "cpus": cpus,
		"memory": p.GetAttr("memory").AsString(), "trust": p.GetAttr("trust").AsString(),
		// GitHub counts a job's timeout in whole minutes.
		"timeout": int64((time.Duration(timeout) + time.Minute - 1) / time.Minute),
	}, nil
}

// checkYAML wants one document that is a mapping without doubled keys. Its
// error quotes the line.
func checkYAML(content string) error {
	var doc map[string]any
	d := yaml.NewDecoder(strings.NewReader(content))
	err := d.Decode(&doc)
	switch {
	case errors.Is(err, io.EOF), err == nil && doc == nil:
		return errors.New("it is empty")
	case err != nil:
		return atLine(content, err)
	}
	if err := d.Decode(new(any)); !errors.Is(err, io.EOF) {
		return errors.New("it holds more than one document")
	}
	return nil
}

func atLine(content string, err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	text = strings.Join(strings.Fields(strings.TrimPrefix(text, "unmarshal errors:")), " ")
	m := regexp.MustCompile(`line (\d+)`).FindStringSubmatch(text)
	if m == nil {
		return errors.New(text)
	}
	lines := strings.Split(content, "\n")
	if n, err := strconv.Atoi(m[1]); err == nil && n >= 1 && n <= len(lines) {
		text += fmt.Sprintf(" (rendered line %d is %q)", n, strings.TrimSpace(lines[n-1]))
	}
	return errors.New(text)
}
