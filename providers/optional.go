package providers

import (
	"context"

	"hostler/hcl/addr"
)

// The optional duties of a CRUD. Each is found by its method alone.

// Resolver completes a wanted object at plan time: identities from the
// block's name, content rendered from files, facts looked up. Attributes it
// leaves null keep what the existing object has. It also refuses what can
// never work, pointing with AttrError; and on a create, what already exists
// (ExistsError).
type Resolver[T any] interface {
	Resolve(ctx context.Context, r *Resolve[T]) error
}

// Resolve is one question to a Resolver.
type Resolve[T any] struct {
	Addr addr.Addr
	// Name is the block's name, with the for_each key if it has one
	// ("base", "base-mini"): what a new object is called.
	Name string
	Want *T // to be completed in place
	Have *T // the object as it is; nil when there is none
	// Replacing says that Have will be destroyed and made anew, so nothing of
	// it need be kept.
	Replacing bool
	// Upgrade lets what the object is pinned to, such as the digest behind a
	// tag, move to what it is now.
	Upgrade bool
	Config  Lookup
	// Warn adds a warning about the attribute ("" for the whole block).
	Warn func(attr, text string)
}

// Validator checks what a schema can't express. It runs in validate and in
// plan, and reads at most the configuration's own files, such as templates.
// Resolve does the checks that need to look at a Mac or a network.
// A clash of two blocks is the later one's, by address: so it is told once.
type Validator[T any] interface {
	Validate(a addr.Addr, want *T, config Lookup) error
}

// Configurer is shown the configuration before anything else is asked of it:
// blocks that say how to reach what the provider acts on. Apply shows what was
// planned instead, in which a block may be missing, as in a destroy.
type Configurer interface {
	Configure(config Lookup)
}

// Prefetcher reads many objects in a number of calls that does not grow with
// them. The answer has one entry for each of have, in order.
type Prefetcher[T any] interface {
	Prefetch(ctx context.Context, have []*T) ([]Fetched[T], error)
}

// Fetched is the outcome of one Read: a nil Object with a nil Err is gone.
type Fetched[T any] struct {
	Object *T
	Err    error
}

// Finder finds what an unfinished Create of want left behind when its run was
// killed. It clears away partial remains that are provably ours and returns
// the object when it stands and is ours; nil when nothing stands. An object
// that can't be proved ours is an error, never adopted.
type Finder[T any] interface {
	Find(ctx context.Context, want *T) (*T, error)
}

// Importer reads the object that the user names by id, to be recorded as
// ours. Not there is nil, nil.
type Importer[T any] interface {
	Import(ctx context.Context, id string) (*T, error)
}

// Upgrader turns the attributes of an object stored by an older version of
// the schema into this version's; from is the stored version.
type Upgrader interface {
	Upgrade(from int, attrs map[string]any) (map[string]any, error)
}
