package functions

import (
	"errors"
	"fmt"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

func param(name string, t cty.Type) function.Parameter {
	return function.Parameter{Name: name, Type: t}
}

// collections are Terraform's functions on collections that cty lacks, or
// has with a narrower meaning.
func collections() map[string]function.Function {
	return map[string]function.Function{
		"coalesce":  coalesceFunc(),
		"length":    lengthFunc(),
		"lookup":    lookupFunc(),
		"index":     indexFunc(),
		"one":       oneFunc(),
		"sum":       sumFunc(),
		"alltrue":   boolsFunc(true),
		"anytrue":   boolsFunc(false),
		"matchkeys": matchkeysFunc(),
		"transpose": transposeFunc(),
	}
}

// coalesceFunc takes empty text for nothing, beside null.
func coalesceFunc() function.Function {
	return function.New(&function.Spec{
		VarParam: &function.Parameter{Name: "vals", Type: cty.DynamicPseudoType, AllowNull: true, AllowUnknown: true, AllowDynamicType: true},
		Type: func(args []cty.Value) (cty.Type, error) {
			types := make([]cty.Type, len(args))
			for i, v := range args {
				types[i] = v.Type()
			}
			t, _ := convert.UnifyUnsafe(types)
			if t == cty.NilType {
				return t, errors.New("all arguments must have the same type")
			}
			return t, nil
		},
		Impl: func(args []cty.Value, t cty.Type) (cty.Value, error) {
			for _, v := range args {
				v, err := convert.Convert(v, t)
				switch {
				case err != nil:
					return cty.NilVal, err
				case !v.IsKnown():
					return cty.UnknownVal(t), nil
				case !v.IsNull() && !v.RawEquals(cty.StringVal("")):
					return v, nil
				}
			}
			return cty.NilVal, errors.New("no argument is neither null nor empty text")
		},
	})
}

// lengthFunc counts elements, attributes of objects and characters.
func lengthFunc() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType, AllowDynamicType: true, AllowUnknown: true, AllowMarked: true}},
		Type:   function.StaticReturnType(cty.Number),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			v, marks := args[0].Unmark()
			t := v.Type()
			switch {
			case t == cty.DynamicPseudoType:
				return cty.UnknownVal(cty.Number).WithMarks(marks), nil
			case t == cty.String:
				n, err := stdlib.Strlen(v)
				return n.WithMarks(marks), err
			case t.IsTupleType():
				return cty.NumberIntVal(int64(t.Length())).WithMarks(marks), nil
			case t.IsObjectType():
				return cty.NumberIntVal(int64(len(t.AttributeTypes()))).WithMarks(marks), nil
			case t.IsCollectionType():
				return v.Length().WithMarks(marks), nil
			}
			return cty.NilVal, function.NewArgErrorf(0, "argument must be a string, a collection type, or a structural type")
		},
	})
}

// lookupFunc takes the default from a map or an object that lacks the key; the
// default may be null.
func lookupFunc() function.Function {
	marked := func(name string, t cty.Type) function.Parameter {
		return function.Parameter{Name: name, Type: t, AllowMarked: true}
	}
	fallback := marked("default", cty.DynamicPseudoType)
	fallback.AllowNull, fallback.AllowUnknown, fallback.AllowDynamicType = true, true, true
	return function.New(&function.Spec{
		Params: []function.Parameter{marked("inputMap", cty.DynamicPseudoType), marked("key", cty.String), fallback},
		Type: func(args []cty.Value) (cty.Type, error) {
			t := args[0].Type()
			key, _ := args[1].Unmark()
			switch {
			case t.IsMapType():
				if _, err := convert.Convert(args[2], t.ElementType()); err != nil {
					return cty.NilType, function.NewArgErrorf(2, "the default value must have the same type as the map elements")
				}
				return t.ElementType(), nil
			case !t.IsObjectType():
				return cty.NilType, function.NewArgErrorf(0, "lookup() requires a map as the first argument")
			case !key.IsKnown():
				return cty.DynamicPseudoType, nil
			case t.HasAttribute(key.AsString()):
				return t.AttributeType(key.AsString()), nil
			}
			return args[2].Type(), nil
		},
		Impl: func(args []cty.Value, t cty.Type) (cty.Value, error) {
			from, fromMarks := args[0].Unmark()
			key, keyMarks := args[1].Unmark()
			if !from.IsKnown() || !key.IsKnown() {
				return cty.UnknownVal(t).WithMarks(fromMarks, keyMarks), nil
			}
			out, err := args[2], error(nil)
			if from.Type().IsObjectType() && from.Type().HasAttribute(key.AsString()) {
				out = from.GetAttr(key.AsString())
			} else if from.Type().IsMapType() && from.HasIndex(key).True() {
				out = from.Index(key)
			} else {
				out, err = convert.Convert(out, t)
			}
			return out.WithMarks(fromMarks, keyMarks), err
		},
	})
}

func indexFunc() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{param("list", cty.DynamicPseudoType), param("value", cty.DynamicPseudoType)},
		Type:   function.StaticReturnType(cty.Number),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if t := args[0].Type(); !t.IsListType() && !t.IsTupleType() {
				return cty.NilVal, function.NewArgErrorf(0, "argument must be a list or tuple")
			}
			i := int64(0)
			for it := args[0].ElementIterator(); it.Next(); i++ {
				_, v := it.Element()
				eq, err := stdlib.Equal(v, args[1])
				if err != nil || !eq.IsKnown() {
					return cty.UnknownVal(cty.Number), err
				}
				if eq.True() {
					return cty.NumberIntVal(i), nil
				}
			}
			return cty.NilVal, errors.New("item not found")
		},
	})
}

func oneFunc() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{param("list", cty.DynamicPseudoType)},
		Type: func(args []cty.Value) (cty.Type, error) {
			t := args[0].Type()
			switch {
			case t.IsListType(), t.IsSetType():
				return t.ElementType(), nil
			case t.IsTupleType() && t.Length() == 1:
				return t.TupleElementType(0), nil
			case t.IsTupleType() && t.Length() == 0:
				return cty.DynamicPseudoType, nil
			}
			return cty.NilType, function.NewArgErrorf(0, "must be a list, set, or tuple value with either zero or one elements")
		},
		Impl: func(args []cty.Value, t cty.Type) (cty.Value, error) {
			switch elems := args[0].AsValueSlice(); len(elems) {
			case 0:
				return cty.NullVal(t), nil
			case 1:
				return elems[0], nil
			}
			return cty.NilVal, function.NewArgErrorf(0, "must be a list, set, or tuple value with either zero or one elements")
		},
	})
}

func sumFunc() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{param("list", cty.DynamicPseudoType)},
		Type:   function.StaticReturnType(cty.Number),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			list, err := convert.Convert(args[0], cty.List(cty.Number))
			if err != nil || list.IsKnown() && list.LengthInt() == 0 {
				return cty.NilVal, function.NewArgErrorf(0, "argument must be a list, set, or tuple of at least one number")
			}
			total := cty.Zero
			for i, v := range list.AsValueSlice() {
				if v.IsNull() {
					return cty.NilVal, function.NewArgErrorf(0, "element %d is null", i)
				}
				total = total.Add(v)
			}
			return total, nil
		},
	})
}

// boolsFunc is alltrue or anytrue: want is what the answer is when no element
// is its opposite.
func boolsFunc(want bool) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{param("list", cty.List(cty.Bool))},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			known := true
			for _, v := range args[0].AsValueSlice() {
				switch {
				case !v.IsKnown():
					known = false
				case (!v.IsNull() && v.True()) != want:
					return cty.BoolVal(!want), nil
				}
			}
			if !known {
				return cty.UnknownVal(cty.Bool), nil
			}
			return cty.BoolVal(want), nil
		},
	})
}

func matchkeysFunc() function.Function {
	list := cty.List(cty.DynamicPseudoType)
	return function.New(&function.Spec{
		Params: []function.Parameter{param("values", list), param("keys", list), param("searchset", list)},
		Type:   func(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil },
		Impl: func(args []cty.Value, t cty.Type) (cty.Value, error) {
			if !args[0].IsWhollyKnown() || !args[1].IsWhollyKnown() || !args[2].IsWhollyKnown() {
				return cty.UnknownVal(t), nil
			}
			values, keys := args[0].AsValueSlice(), args[1].AsValueSlice()
			if len(values) != len(keys) {
				return cty.NilVal, fmt.Errorf("length of keys and values should be equal")
			}
			var out []cty.Value
			for i, key := range keys {
				for _, wanted := range args[2].AsValueSlice() {
					if eq, err := stdlib.Equal(key, wanted); err != nil {
						return cty.NilVal, err
					} else if eq.True() {
						out = append(out, values[i])
						break
					}
				}
			}
			if len(out) == 0 {
				return cty.ListValEmpty(t.ElementType()), nil
			}
			return cty.ListVal(out), nil
		},
	})
}

func transposeFunc() function.Function {
	lists := cty.Map(cty.List(cty.String))
	return function.New(&function.Spec{
		Params: []function.Parameter{param("values", lists)},
		Type:   function.StaticReturnType(lists),
		Impl: func(args []cty.Value, t cty.Type) (cty.Value, error) {
			if !args[0].IsWhollyKnown() {
				return cty.UnknownVal(t), nil
			}
			byElem := map[string][]cty.Value{}
			for it := args[0].ElementIterator(); it.Next(); {
				key, list := it.Element()
				if list.IsNull() {
					return cty.NilVal, function.NewArgErrorf(0, "the list of %q is null", key.AsString())
				}
				for _, elem := range list.AsValueSlice() {
					if elem.IsNull() {
						return cty.NilVal, function.NewArgErrorf(0, "the list of %q contains null", key.AsString())
					}
					byElem[elem.AsString()] = append(byElem[elem.AsString()], key)
				}
			}
			if len(byElem) == 0 {
				return cty.MapValEmpty(cty.List(cty.String)), nil
			}
			out := make(map[string]cty.Value, len(byElem))
			for elem, keys := range byElem {
				out[elem] = cty.ListVal(keys)
			}
			return cty.MapVal(out), nil
		},
	})
}
