package shelf

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"hostler/providers/internal/tartcli"
)

// swap makes the VM From the image. The one that is it goes to Aside. It is
// under way as long as From stands; later it only tells what was done last.
type swap struct {
	From  string `json:"from"`
	MAC   string `json:"mac"`
	Aside string `json:"aside,omitempty"`
	Old   string `json:"old,omitempty"` // MAC address; "" when there is none
}

// TakenError is a foreign VM that has the image's name.
type TakenError struct{ VM string }

func (e *TakenError) Error() string {
	return fmt.Sprintf("a VM %q stands that hostler did not make", e.VM)
}

// Promote makes the VM from, which is stopped, the image. The image's VM until
// now, of which nothing need be known, has the MAC address old, and is kept;
// without one old is "". On an error all is as before, or the next Settle will
// see to it. Errors: *TakenError, *tartcli.Error.
func (s Shelf) Promote(ctx context.Context, image, from string, b Build, old string) error {
	n, err := s.read(image)
	if err != nil {
		return err
	}
	w := &swap{From: from, MAC: b.MAC, Old: old}
	if old != "" {
		before := Build{MAC: old}
		if known := n.of(old); known != nil {
			before = *known
		}
		if w.Aside, err = s.aside(image, before); err != nil {
			return err
		}
		n.first(before)
	}
	n.first(b)
	n.Swap, n.Under = w, ""
	if err := s.write(image, n); err != nil {
		return err
	}
	if err = s.exchange(ctx, image, w); err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if unable := s.undo(ctx, image, n); unable != nil {
		return errors.Join(err, fmt.Errorf("the VMs of image %q are not put back: %w", image, unable))
	}
	return err
}

// first makes b the first of the builds.
func (n *note) first(b Build) {
	rest := slices.DeleteFunc(slices.Clone(n.Builds), func(o Build) bool { return o.MAC == b.MAC })
	n.Builds = slices.Insert(rest, 0, b)
}

// Settle finishes a swap that was cut short, and reports whether there was one.
func (s Shelf) Settle(ctx context.Context, image string) (finished bool, err error) {
	n, err := s.read(image)
	if err != nil {
		return false, err
	}
	if pending, err := s.pending(n); err != nil || !pending {
		return false, err
	}
	return true, s.exchange(ctx, image, n.Swap)
}

// pending reports whether a swap is under way.
func (s Shelf) pending(n note) (bool, error) {
	if n.Swap == nil {
		return false, nil
	}
	from, err := s.mac(n.Swap.From)
	return from == n.Swap.MAC, err
}

// exchange is the two renames, or the second alone if that is what is left.
func (s Shelf) exchange(ctx context.Context, image string, w *swap) error {
	at, err := s.mac(image)
	if err != nil {
		return err
	}
	if at != "" {
		if at != w.Old {
			return &TakenError{VM: image}
		}
		if err := s.rename(ctx, image, w.Aside, at); err != nil {
			return err
		}
	}
	return s.rename(ctx, w.From, image, w.MAC)
}

// undo gives the image the VM back that it had before a swap that failed, and
// forgets the swap.
func (s Shelf) undo(ctx context.Context, image string, n note) error {
	w := n.Swap
	at, err := s.mac(image)
	if err != nil {
		return err
	}
	if at == "" && w.Old != "" {
		if err := s.rename(ctx, w.Aside, image, w.Old); err != nil {
			return err
		}
	}
	n.Swap = nil
	if _, role := Of(w.From); role == Unfinished {
		n.Builds = slices.DeleteFunc(slices.Clone(n.Builds), func(b Build) bool { return b.MAC == w.MAC })
	}
	return s.write(image, n)
}

// rename renames the VM with that MAC address, which must not run.
func (s Shelf) rename(ctx context.Context, from, to, mac string) error {
	switch pid, err := s.Tart.Holder(from); {
	case err != nil:
		return err
	case pid != 0:
		return &tartcli.Error{Kind: tartcli.Running, Op: "rename", VM: from}
	}
	err := s.Tart.Rename(ctx, from, to)
	if err == nil {
		return nil
	}
	if now, unread := s.mac(to); unread == nil && now == mac {
		return nil // it was renamed, and tart died before it could say so
	}
	if tartcli.Is(err, tartcli.AlreadyExists) {
		return &TakenError{VM: to}
	}
	return err
}

// mac is the MAC address of a VM, "" when there is none.
func (s Shelf) mac(vm string) (string, error) {
	c, err := s.Tart.Config(vm)
	if tartcli.Is(err, tartcli.NotFound) {
		return "", nil
	}
	return c.MAC, err
}
