package workflow

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"text/template"
	"time"

	"github.com/zclconf/go-cty/cty"

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
	data := map[string]any{"name": name, "with": map[string]string{}, "profile": profile}
	if want.With != nil {
		data["with"] = want.With
	}
	if own, ok := builtinOf(want.Template); ok {
		data["agent"] = own.agent
	}
	if err := t.Execute(&b, data); err != nil {
		return "", providers.AttrErrorf("template", "%s", explain(err))
	}
	// YAML takes both line ends for the same; a file with both is a nuisance.
	content := strings.TrimRight(strings.ReplaceAll(b.String(), "\r\n", "\n"), "\n") + "\n"
	if err := checkYAML(content); err != nil {
		return "", providers.AttrErrorf("template", "%s renders to what is no YAML: %w", want.Template, err)
	}
	return content, nil
}

// source reads a template: one of our own, or a file. That is part of the
// configuration, so it does not lie under a simulated Mac's root.
func (c *files) source(name string) ([]byte, error) {
	if own, ok := builtinOf(name); ok {
		return templates.ReadFile("templates/" + own.file)
	}
	file, err := c.local(name)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no template %s", file)
	}
	return data, err
}

// template parses a template, once as long as it stays as it is. Errors point
// at the attribute.
func (c *files) template(name string) (*template.Template, error) {
	data, err := c.source(name)
	if err != nil {
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
		"expr": func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" },
		"slug": func(s string) string {
			return strings.Trim(regexp.MustCompile(`[^A-Za-z0-9]+`).ReplaceAllString(s, "-"), "-")
		},
		"list":  strings.Fields,
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
	return map[string]any{
		"name": name, "labels": labelsOf(a, p), "cpus": cpus,
		"memory": p.GetAttr("memory").AsString(), "trust": p.GetAttr("trust").AsString(),
		// GitHub counts a job's timeout in whole minutes.
		"timeout": int64((time.Duration(timeout) + time.Minute - 1) / time.Minute),
	}, nil
}

// labelsOf are the labels of a profile or runner block: those it has, or its
// name.
func labelsOf(a addr.Addr, block cty.Value) []string {
	list := block.GetAttr("labels")
	if list.IsNull() || list.LengthInt() == 0 {
		return []string{providers.InstanceName(a)}
	}
	var out []string
	for _, l := range list.AsValueSlice() {
		out = append(out, l.AsString())
	}
	return out
}
