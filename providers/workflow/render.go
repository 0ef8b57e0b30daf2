package workflow

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"text/template"
	"time"

	"hostler/hcl/addr"
	"hostler/hcl/schema"
	"hostler/providers"
)

// parsed is a template and the text that it was parsed from.
type parsed struct {
	text string
	tmpl *template.Template
}

// render is what the file should hold.
func (c *files) render(want *File, name string, config providers.Lookup) (string, error) {
	profile, err := profileData(want.Profile, config)
	if err != nil {
		return "", providers.AttrErrorf("profile", "%w", err)
	}
	t, err := c.template(want.Template)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Managed by hostler from %s: change the template, then apply; edits here are undone.\n", want.Template)
	with := want.With
	if with == nil {
		with = map[string]string{}
	}
	if err := t.Execute(&b, map[string]any{"name": name, "with": with, "profile": profile}); err != nil {
		return "", providers.AttrErrorf("template", "%s", explain(err))
	}
	// YAML takes both line ends for the same; a file with both is a nuisance.
	content := strings.TrimRight(strings.ReplaceAll(b.String(), "\r\n", "\n"), "\n") + "\n"
	if err := checkYAML(content); err != nil {
		return "", providers.AttrErrorf("template", "%s renders to what is no YAML: %w", want.Template, err)
	}
	return content, nil
}

// template parses a template, once as long as its file stays as it is. It is
// part of the configuration, so it does not lie under a simulated Mac's root.
// Errors point at the attribute.
func (c *files) template(name string) (*template.Template, error) {
	file, err := c.local(name)
	if err != nil {
		return nil, providers.AttrErrorf("template", "%w", err)
	}
	data, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, providers.AttrErrorf("template", "there is no template %s", file)
	case err != nil:
		return nil, providers.AttrErrorf("template", "%w", err)
	}
	// Our first line stands before what an editor takes for the file's start.
	text := strings.TrimPrefix(string(data), "\ufeff")
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.templates[name]; p.tmpl != nil && p.text == text {
		return p.tmpl, nil
	}
	t, err := template.New(name).Delims("<%", "%>").Option("missingkey=error").Funcs(functions()).Parse(text)
	if err != nil {
		return nil, providers.AttrErrorf("template", "%s", explain(err))
	}
	c.templates[name] = parsed{text, t}
	return t, nil
}

// explain says what a template's author can do.
func explain(err error) string {
	text := strings.TrimPrefix(err.Error(), "template: ")
	if strings.Contains(text, "map has no entry for key") {
		text += "; a template is given .name, .with and .profile: add it to with, or set profile"
	}
	return text
}

func functions() template.FuncMap {
	return template.FuncMap{
		"json": func(v any) (string, error) {
			var b bytes.Buffer
			e := json.NewEncoder(&b)
			e.SetEscapeHTML(false)
			err := e.Encode(v)
			return escape(strings.TrimSuffix(b.String(), "\n")), err
		},
		"indent": func(n int, s string) string {
			return strings.ReplaceAll(s, "\n", "\n"+strings.Repeat(" ", max(n, 0)))
		},
		"quote": func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" },
	}
}

// escape rewrites what JSON may hold as it is and YAML may not, or reads as
// the end of a line. It can only stand in a JSON string.
func escape(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r >= 0x7f && r <= 0x9f || r == 0xfffe || r == 0xffff {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
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
