package book

import (
	"cmp"
	"slices"

	"hostler/hcl/addr"
)

// intents are those begun and not yet put.
type intents struct {
	open  map[addr.Addr][]begun
	count int // of all ever begun, to keep their order
}

type begun struct {
	nth int
	Intent
}

// follow opens, closes or renames what a record is about. An address can have
// several: when the run that came to finish one died as well.
func (in *intents) follow(rec record) {
	switch rec.Do {
	case doBegin:
		if in.open == nil {
			in.open = map[addr.Addr][]begun{}
		}
		in.count++
		in.open[rec.Address] = append(in.open[rec.Address], begun{in.count, *rec.Intent})
	case doPut, doRemove:
		delete(in.open, rec.Address)
	case doMove:
		if moved := in.open[rec.Address]; moved != nil {
			delete(in.open, rec.Address)
			in.open[rec.To] = append(in.open[rec.To], moved...)
		}
		for _, list := range in.open {
			for i := range list {
				list[i].Resource = list[i].Resource.renamed(rec.Address, rec.To)
			}
		}
	}
}

// list returns them in the order in which they were begun.
func (in *intents) list() []Unfinished {
	type numbered struct {
		nth int
		Unfinished
	}
	var all []numbered
	for a, list := range in.open {
		for _, b := range list {
			all = append(all, numbered{b.nth, Unfinished{a, b.Intent}})
		}
	}
	slices.SortFunc(all, func(x, y numbered) int { return cmp.Compare(x.nth, y.nth) })
	var out []Unfinished
	for _, n := range all {
		out = append(out, n.Unfinished)
	}
	return out
}
