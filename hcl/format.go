package hcl

import (
	"strings"

	"github.com/hashicorp/hcl/v2/hclwrite"

	"hostler/hcl/internal/folder"
)

// Format returns src, the text of file name, in its one layout. Text that
// does not parse is returned as it is, and so is JSON, which has its own
// formatters.
func Format(name string, src []byte) ([]byte, Diagnostics) {
	if _, diags := folder.Parse(src, name); diags.HasErrors() {
		return src, diags[:1]
	}
	if strings.HasSuffix(name, ".json") {
		return src, nil
	}
	return hclwrite.Format(src), nil
}
