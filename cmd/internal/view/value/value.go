// Package value owns what the values of the language look like, to people and
// to programs. A value with a mark is never read, only named.
package value

import (
	"encoding/json"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"hostler/cmd/internal/view/term"
)

// Redacted stands for what is not shown.
const Redacted = "(sensitive value)"

// Absent tells whether there is no value: none at all, or null.
func Absent(v cty.Value) bool { return v == cty.NilVal || v.IsNull() }

// Same is equality of what there is to show.
func Same(a, b cty.Value) bool {
	if Absent(a) || Absent(b) {
		return Absent(a) && Absent(b)
	}
	return a.RawEquals(b)
}

// HasText tells whether v is a string that can be read.
func HasText(v cty.Value) bool {
	return !Absent(v) && !v.IsMarked() && v.IsKnown() && v.Type() == cty.String
}

// Container tells whether v has elements that can be read.
func Container(v cty.Value) bool {
	return !Absent(v) && !v.IsMarked() && v.IsKnown() && (v.CanIterateElements() || v.Type().IsObjectType())
}

// Keyed tells whether the elements of a container have names.
func Keyed(v cty.Value) bool { return v.Type().IsMapType() || v.Type().IsObjectType() }

// Elements are a container's elements in order, with their names if keyed.
func Elements(v cty.Value) (names []string, values []cty.Value) {
	for it := v.ElementIterator(); it.Next(); {
		key, value := it.Element()
		if Keyed(v) {
			names = append(names, key.AsString())
		}
		values = append(values, value)
	}
	return names, values
}

// Scalar is the one-line form of what is no container.
func Scalar(v cty.Value) string {
	switch {
	case Absent(v):
		return "null"
	case v.IsMarked():
		return Redacted
	case !v.IsKnown():
		return "(not known)"
	case v.Type() == cty.String:
		return Quote(v.AsString())
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

// Quote is s as a string of the language.
func Quote(s string) string { return `"` + term.Clean(escapes.Replace(s)) + `"` }

// Text is a value as `hostler output` prints it.
func Text(v cty.Value, indent string) string {
	if !Container(v) {
		return Scalar(v)
	}
	names, values := Elements(v)
	open, shut := "[", "]"
	if Keyed(v) {
		open, shut = "{", "}"
	}
	if len(values) == 0 {
		return open + shut
	}
	var b strings.Builder
	b.WriteString(open + "\n")
	for i, value := range values {
		b.WriteString(indent + "  ")
		if Keyed(v) {
			b.WriteString(Quote(names[i]) + " = " + Text(value, indent+"  ") + "\n")
		} else {
			b.WriteString(Text(value, indent+"  ") + ",\n")
		}
	}
	return b.String() + indent + shut
}

// Plain is a value as programs read it. What is sensitive or not known is nil.
func Plain(v cty.Value) any {
	switch {
	case Absent(v) || v.IsMarked() || !v.IsKnown():
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
	case !Container(v):
		return nil
	}
	names, values := Elements(v)
	if !Keyed(v) {
		list := make([]any, len(values))
		for i, value := range values {
			list[i] = Plain(value)
		}
		return list
	}
	object := make(map[string]any, len(values))
	for i, value := range values {
		object[names[i]] = Plain(value)
	}
	return object
}

// TypeJSON is a type as cty spells it in JSON.
func TypeJSON(t cty.Type) json.RawMessage {
	raw, err := t.MarshalJSON()
	if err != nil { // a capsule; no value of the language has one
		return json.RawMessage(`"dynamic"`)
	}
	return raw
}

// Marked tells whether a value must not be shown.
func Marked(v cty.Value) bool { return v != cty.NilVal && v.IsMarked() }

// Attr is an attribute of an object that may be absent.
func Attr(v cty.Value, name string) cty.Value {
	if Container(v) && v.Type().IsObjectType() && v.Type().HasAttribute(name) {
		return v.GetAttr(name)
	}
	return cty.NilVal
}

// Names are the names of a container's elements, if they have any.
func Names(v cty.Value) []string {
	if !Container(v) || !Keyed(v) {
		return nil
	}
	names, _ := Elements(v)
	return names
}

// Sensitive mirrors a value with true where Plain leaves something out, and
// false or nothing elsewhere.
func Sensitive(v cty.Value) any {
	if Marked(v) {
		return true
	}
	if !Container(v) {
		return false
	}
	names, children := Elements(v)
	list, tree := make([]any, len(children)), map[string]any{}
	for i, child := range children {
		list[i] = Sensitive(child)
		if Keyed(v) && child.ContainsMarked() {
			tree[names[i]] = list[i]
		}
	}
	if Keyed(v) {
		return tree
	}
	return list
}
