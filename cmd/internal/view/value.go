package view

import (
	"encoding/json"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"hostler/cmd/internal/view/term"
)

const redacted = "(sensitive value)"

// absent tells whether there is no value: none at all, or null.
func absent(v cty.Value) bool { return v == cty.NilVal || v.IsNull() }

// same is equality of what there is to show.
func same(a, b cty.Value) bool {
	if absent(a) || absent(b) {
		return absent(a) && absent(b)
	}
	return a.RawEquals(b)
}

// hasText tells whether v is a string that can be read.
func hasText(v cty.Value) bool {
	return !absent(v) && !v.IsMarked() && v.IsKnown() && v.Type() == cty.String
}

// container tells whether v has elements that can be read.
func container(v cty.Value) bool {
	return !absent(v) && !v.IsMarked() && v.IsKnown() && (v.CanIterateElements() || v.Type().IsObjectType())
}

// keyed tells whether the elements of a container have names.
func keyed(v cty.Value) bool { return v.Type().IsMapType() || v.Type().IsObjectType() }

// elements are a container's elements in order, with their names if keyed.
func elements(v cty.Value) (names []string, values []cty.Value) {
	for it := v.ElementIterator(); it.Next(); {
		key, value := it.Element()
		if keyed(v) {
			names = append(names, key.AsString())
		}
		values = append(values, value)
	}
	return names, values
}

// scalar is the one-line form of what is no container.
func scalar(v cty.Value) string {
	switch {
	case absent(v):
		return "null"
	case v.IsMarked():
		return redacted
	case !v.IsKnown():
		return "(not known)"
	case v.Type() == cty.String:
		return quote(v.AsString())
	case v.Type() == cty.Number:
		return number(v)
	case v.Type() == cty.Bool && v.True():
		return "true"
	case v.Type() == cty.Bool:
		return "false"
	}
	return "(" + v.Type().FriendlyName() + ")"
}

func number(v cty.Value) string { return v.AsBigFloat().Text('f', -1) }

// escapes are HCL's, and those of the template openers.
var escapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "${", "$${", "%{", "%%{")

// quote is s as a string of the language.
func quote(s string) string { return `"` + term.Clean(escapes.Replace(s)) + `"` }

// text is a value as `hostler output` prints it.
func text(v cty.Value, indent string) string {
	if !container(v) {
		return scalar(v)
	}
	names, values := elements(v)
	open, shut := "[", "]"
	if keyed(v) {
		open, shut = "{", "}"
	}
	if len(values) == 0 {
		return open + shut
	}
	var b strings.Builder
	b.WriteString(open + "\n")
	for i, value := range values {
		b.WriteString(indent + "  ")
		if keyed(v) {
			b.WriteString(quote(names[i]) + " = " + text(value, indent+"  ") + "\n")
		} else {
			b.WriteString(text(value, indent+"  ") + ",\n")
		}
	}
	return b.String() + indent + shut
}

// plain is a value as programs read it. What is sensitive or not known is nil.
func plain(v cty.Value) any {
	switch {
	case absent(v) || v.IsMarked() || !v.IsKnown():
		return nil
	case v.Type() == cty.String:
		return v.AsString()
	case v.Type() == cty.Number:
		if v.AsBigFloat().IsInf() {
			return nil
		}
		return json.Number(number(v))
	case v.Type() == cty.Bool:
		return v.True()
	case !container(v):
		return nil
	}
	names, values := elements(v)
	if !keyed(v) {
		list := make([]any, len(values))
		for i, value := range values {
			list[i] = plain(value)
		}
		return list
	}
	object := make(map[string]any, len(values))
	for i, value := range values {
		object[names[i]] = plain(value)
	}
	return object
}

// typeJSON is a type as cty spells it in JSON.
func typeJSON(t cty.Type) json.RawMessage {
	raw, err := t.MarshalJSON()
	if err != nil { // a capsule; no value of the language has one
		return json.RawMessage(`"dynamic"`)
	}
	return raw
}
