package excerpt

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"

	"hostler/cmd/internal/view/term"
	"hostler/cmd/internal/view/value"
	"hostler/hcl"
)

// valueOf says what a reference in an expression stands for.
type valueOf struct {
	Traversal string `json:"traversal"`
	Statement string `json:"statement"`
}

// valuesOf tells the values of what the expression at fault refers to.
func valuesOf(diag *hcl.Diagnostic, files map[string]*hcl.File) []valueOf {
	if diag.Expression == nil || diag.EvalContext == nil {
		return nil
	}
	var list []valueOf
	for _, ref := range diag.Expression.Variables() {
		// Of image.base.nope, image.base is what can be told.
		for ; len(ref) > 0; ref = ref[:len(ref)-1] {
			value, problems := ref.TraverseAbs(diag.EvalContext)
			if problems.HasErrors() {
				continue
			}
			if name := source(ref.SourceRange(), files); name != "" {
				list = append(list, valueOf{name, statement(value)})
			}
			break
		}
	}
	slices.SortFunc(list, func(a, b valueOf) int { return cmp.Compare(a.Traversal, b.Traversal) })
	return slices.Compact(list)
}

// source is what stands in a range, in one line.
func source(r hcl.Range, files map[string]*hcl.File) string {
	file := files[r.Filename]
	if file == nil || r.Start.Byte < 0 || r.Start.Byte > r.End.Byte || r.End.Byte > len(file.Bytes) {
		return ""
	}
	return strings.Join(strings.Fields(string(file.Bytes[r.Start.Byte:r.End.Byte])), " ")
}

// textMost is how much of a string is worth telling, in bytes.
const textMost = 60

// statement completes a sentence that begins with the name of a value.
func statement(v cty.Value) string {
	switch typ := v.Type(); {
	case v.IsMarked():
		return "is " + value.Redacted
	case !v.IsKnown() && typ == cty.DynamicPseudoType:
		return "is not known yet"
	case !v.IsKnown():
		return "is a " + typ.FriendlyName() + ", not known yet"
	case v.IsNull():
		return "is null"
	case value.HasText(v) && len(v.AsString()) > textMost:
		s := v.AsString()
		cut := textMost
		for !utf8.RuneStart(s[cut]) {
			cut--
		}
		return fmt.Sprintf("is %s… (%s)", value.Quote(s[:cut]), term.Count(utf8.RuneCountInString(s), "character"))
	case !value.Container(v):
		return "is " + value.Scalar(v)
	case typ.IsObjectType():
		names := value.Names(v)
		if len(names) == 0 {
			return "is object with no attributes"
		}
		if len(names) > 4 {
			return fmt.Sprintf("is object with %d attributes", len(names))
		}
		for i, name := range names {
			names[i] = value.Quote(name)
		}
		return fmt.Sprintf("is object with %s %s", term.Count(len(names), "attribute"), strings.Join(names, ", "))
	case v.LengthInt() == 0:
		return "is empty " + typ.FriendlyName()
	default:
		return fmt.Sprintf("is %s with %s", typ.FriendlyName(), term.Count(v.LengthInt(), "element"))
	}
}
