// Package providers is the contract between the planner and whoever acts on
// the world. A provider owns block types; for each it writes a schema and
// CRUD[T] on a plain Go struct, and NewType turns the two into a Type that the
// planner drives without knowing T.
//
// What a provider promises:
//
//  1. Read is the truth: it looks at the object itself and never answers from
//     memory of what was applied. Gone is nil, nil.
//  2. Create never takes over or overwrites an object that it did not make.
//     If it fails after something was made, it returns that object with the
//     error; it is then tainted and replaced later.
//  3. Delete of what is gone is success.
//  4. Resolve makes the wanted object complete before anything is touched, so
//     that a plan is whole: apply decides nothing.
//  5. A cancelled context returns soon, with the object as it then is.
//  6. Secrets never enter T.
//
// Optional duties are small interfaces of their own (optional.go); a CRUD
// that has the method has the duty. providertest holds every Type to this
// list. Start at CRUD, then NewType.
package providers

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"sync"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/hcl/schema"
)

// CRUD is what the author of a block type writes. T is a struct whose fields
// carry the schema's attribute names: `cty:"memory"`. See codec.go for the
// field types.
type CRUD[T any] interface {
	Create(ctx context.Context, want *T) (*T, error)
	Read(ctx context.Context, have *T) (*T, error)
	Update(ctx context.Context, have, want *T) (*T, error)
	Delete(ctx context.Context, have *T) error
}

// Provider is a named set of block types.
type Provider struct {
	Name  string
	Types []*Type
}

// Env is what every provider is given: where it is, not what to do.
type Env struct {
	Dir     string   // the configuration folder; relative paths in blocks start here
	Environ []string // environment for programs that a provider starts, and where it looks for HOME and PATH
	// Root stands for "/" of this Mac: "/" itself, except on a simulated Mac
	// and in tests. Every path of the Mac lies under it.
	Root string
	// Web carries requests to registries and other services; nil is the
	// network.
	Web http.RoundTripper
	Log *slog.Logger
	// Shared is what the providers of one run have together, see Share. nil:
	// each has its own.
	Shared *sync.Map
}

// Share is the one T of a run: the first provider that asks makes it.
func Share[T any](e Env, make func() T) T {
	if e.Shared == nil {
		return make()
	}
	key := reflect.TypeFor[T]()
	if have, ok := e.Shared.Load(key); ok {
		return have.(T)
	}
	have, _ := e.Shared.LoadOrStore(key, make())
	return have.(T)
}

// AttrError is an error about one attribute of a block. The planner shows it
// at that attribute's place in the files.
type AttrError struct {
	Path cty.Path
	Err  error
}

// AttrErrorf makes an AttrError about a top-level attribute.
func AttrErrorf(attr, format string, args ...any) error {
	return &AttrError{Path: cty.GetAttrPath(attr), Err: fmt.Errorf(format, args...)}
}

func (e *AttrError) Error() string { return e.Err.Error() }
func (e *AttrError) Unwrap() error { return e.Err }

// ExistsError is what Resolve and Create answer when an object that state
// does not record already stands where the new one should be.
type ExistsError struct {
	What string // such as `VM "base"`
	ID   string // what import takes
}

func (e *ExistsError) Error() string {
	return fmt.Sprintf("%s already exists and is not recorded in state", e.What)
}

// Registry finds types by their block keyword.
type Registry map[string]*Type

// NewRegistry lists the types of providers. Two types of one keyword are a
// mistake of the program.
func NewRegistry(providers ...*Provider) Registry {
	r := Registry{}
	for _, p := range providers {
		for _, t := range p.Types {
			if r[t.Schema.Type] != nil {
				panic("two types for block " + t.Schema.Type)
			}
			t.Schema.Must()
			t.Provider = p.Name
			r[t.Schema.Type] = t
		}
	}
	return r
}

// Schemas are the schemas of all types, by keyword.
func (r Registry) Schemas() map[string]*schema.Block {
	out := make(map[string]*schema.Block, len(r))
	for name, t := range r {
		out[name] = t.Schema
	}
	return out
}

// Lookup shows a provider the rest of the configuration, as wanted objects.
type Lookup interface {
	// Get returns the block's value, or false. A block with for_each is
	// found by its instances' addresses.
	Get(addr.Addr) (cty.Value, bool)
	// All returns the addresses of one block type, sorted.
	All(blockType string) []addr.Addr
}

type reporterKey struct{}

// WithReporter returns a context in which Report calls f.
func WithReporter(ctx context.Context, f func(text string)) context.Context {
	return context.WithValue(ctx, reporterKey{}, f)
}

// Report tells whoever watches how a long operation gets on, as in "pulling
// disk: 12%".
func Report(ctx context.Context, format string, args ...any) {
	if f, ok := ctx.Value(reporterKey{}).(func(string)); ok {
		f(fmt.Sprintf(format, args...))
	}
}
