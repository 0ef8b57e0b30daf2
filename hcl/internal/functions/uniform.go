package functions

import (
	"slices"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// collect is cty's tolist or toset, which for a tuple compares the type of each
// element with that of each other one: ten thousand keys would take seconds.
// Where all are of one type, as those of a for expression, it is not asked.
func collect(of func(cty.Type) cty.Type, value func([]cty.Value) cty.Value) function.Function {
	general := stdlib.MakeToFunc(of(cty.DynamicPseudoType))
	return function.New(&function.Spec{
		Description: general.Description(),
		Params:      general.Params(),
		Type: func(args []cty.Value) (cty.Type, error) {
			if t, ok := uniform(args[0]); ok {
				return of(t), nil
			}
			return general.ReturnTypeForValues(args)
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if _, ok := uniform(args[0]); ok {
				return value(args[0].AsValueSlice()), nil
			}
			return general.Call(args)
		},
	})
}

// uniform is the type of all elements of a tuple.
func uniform(v cty.Value) (cty.Type, bool) {
	if !v.Type().IsTupleType() || v.IsMarked() || !v.IsKnown() || v.IsNull() || v.LengthInt() == 0 {
		return cty.NilType, false
	}
	types := v.Type().TupleElementTypes()
	first := types[0]
	if first.HasDynamicTypes() || slices.ContainsFunc(types, func(t cty.Type) bool { return !t.Equals(first) }) {
		return cty.NilType, false
	}
	return first, true
}
