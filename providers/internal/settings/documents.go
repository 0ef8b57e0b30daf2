package settings

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"reflect"

	"hostler/providers"
)

// Documents is the providers.CRUD, and Finder, of a type whose objects are
// documents. T is the document: its fields have json tags as well as cty ones.
// What the document itself does not hold is tagged json:"-" and kept by Keep.
type Documents[T any] struct {
	Store
	Name func(*T) string  // of the document, below Folder
	Flaw func(*T) *string // the attribute that says whether the document is sound
	ID   func(*T) string  // what import takes
	What string           // "profile"
	// Keep copies from an object what its document does not hold.
	Keep func(from, to *T)
}

// Vacant is nil if nothing stands where want shall be, else an ExistsError.
func (d Documents[T]) Vacant(want *T) error {
	_, err := d.Mac.Stat(d.Path(d.Name(want)))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	return d.exists(want)
}

// exists names the object that stands by what its document says it is.
func (d Documents[T]) exists(want *T) error {
	id := d.ID(want)
	if got, err := d.Read(context.Background(), want); err == nil && got != nil {
		id = cmp.Or(d.ID(got), id)
	}
	return &providers.ExistsError{What: fmt.Sprintf("%s %q (%s)", d.What, id, d.Path(d.Name(want))), ID: id}
}

// Create writes the document unless there is one.
func (d Documents[T]) Create(ctx context.Context, want *T) (*T, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	err := d.Store.Create(d.Name(want), want)
	if errors.Is(err, fs.ErrExist) {
		return nil, d.exists(want)
	}
	if err != nil {
		return nil, err
	}
	return d.Read(ctx, want)
}

// Read reads the object back from its document.
func (d Documents[T]) Read(_ context.Context, have *T) (*T, error) {
	got := new(T)
	flaw, err := d.Store.Read(d.Name(have), got)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if d.Keep != nil {
		d.Keep(have, got)
	}
	*d.Flaw(got) = flaw
	return got, nil
}

// Update replaces the document.
func (d Documents[T]) Update(ctx context.Context, have, want *T) (*T, error) {
	if err := ctx.Err(); err != nil {
		return have, err
	}
	if err := d.Write(d.Name(want), want); err != nil {
		return have, err
	}
	return d.Read(ctx, want)
}

// Delete removes the document.
func (d Documents[T]) Delete(ctx context.Context, have *T) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return d.Remove(d.Name(have))
}

// Find recognizes a document of an unfinished Create by its content: it stands
// as want would have written it, or not at all.
func (d Documents[T]) Find(ctx context.Context, want *T) (*T, error) {
	if err := d.Mac.Sweep(d.Path(d.Name(want))); err != nil {
		return nil, err
	}
	got, err := d.Read(ctx, want)
	if err != nil || got == nil {
		return nil, err
	}
	if !reflect.DeepEqual(got, want) {
		return nil, fmt.Errorf("%s stands, but is not what the interrupted run was writing; move it away, or forget the attempt with `hostler state rm` and import it as %q", d.Path(d.Name(want)), d.ID(want))
	}
	return got, nil
}
