package hcl

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/hcl/internal/marks"
	"hostler/hcl/schema"
)

// The few names of hashicorp/hcl that the rest of the house needs.
type (
	Diagnostics = hcl.Diagnostics
	Diagnostic  = hcl.Diagnostic
	Range       = hcl.Range
	Pos         = hcl.Pos
	File        = hcl.File
)

const (
	DiagError   = hcl.DiagError
	DiagWarning = hcl.DiagWarning
)

// Sensitive marks values that come from a sensitive variable.
const Sensitive = marks.Sensitive

// Language is what the files are read against.
type Language struct {
	Blocks  map[string]*schema.Block // managed block types, by keyword
	Version string                   // of hostler, for required_version
}

// Vars are the values given from outside, lowest precedence first: Environ,
// then *.auto.hclvars in the configuration folder in name order, then Args.
type Vars struct {
	Environ []string // HOSTLER_VAR_name=value entries are read, others ignored
	Args    []VarArg // --var and --var-file, in the order given
	// Unset lets required variables stay without a value, unknown: validate
	// checks files without them.
	Unset bool
}

// VarArg is one --var NAME=VALUE, or one --var-file PATH.
type VarArg struct {
	Text string
	File bool
}

// Config is one folder of files with its includes, evaluated: wholly known,
// with source ranges.
type Config struct {
	Dir       string   // the configuration folder
	State     string   // path of the state file
	Blocks    []*Block // every instance of every managed block, sorted by address
	Outputs   []*Output
	Moved     []Moved
	Imports   []Import
	Removed   []Removed
	Variables map[string]cty.Value // as given or defaulted; sensitive ones marked
	Files     map[string]*File     // by name as in ranges, for snippets; set even when Load fails
}

// Block returns the block or instance at a, or nil.
func (c *Config) Block(a addr.Addr) *Block {
	i, ok := slices.BinarySearchFunc(c.Blocks, a, func(b *Block, a addr.Addr) int { return addr.Compare(b.Addr, a) })
	if !ok {
		return nil
	}
	return c.Blocks[i]
}

// Block is one managed block, or one instance of one with for_each.
type Block struct {
	Addr addr.Addr
	// Value has the type Language.Blocks[Addr.Type].Value(), is normalized and
	// unmarked; computed attributes are null.
	Value          cty.Value
	known          bool        // wholly: only such blocks get into a Config
	Deps           []addr.Addr // sorted; instances, never whole for_each blocks
	PreventDestroy bool
	// IgnoreChanges are attribute names; ["*"] is all of them.
	IgnoreChanges []string
	Source        Source
}

// Output is an output value. A sensitive one is marked.
type Output struct {
	Name        string
	Description string
	Sensitive   bool
	Value       cty.Value
	Range       Range
}

// Moved, Import and Removed are the blocks of the same names.
type (
	Moved struct {
		From, To addr.Addr
		Range    Range
	}
	Import struct {
		To    addr.Addr
		ID    string
		Range Range
	}
	Removed struct {
		From  addr.Addr
		Range Range
	}
)
