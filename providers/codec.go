package providers

import (
	"encoding"
	"fmt"
	"reflect"

	"github.com/zclconf/go-cty/cty"
)

// The codec between T and cty. A field's tag names its attribute:
//
//	string, bool, int        string, bool, whole number
//	encoding.TextMarshaler   a string: schema.Size, schema.Duration, secret.Ref
//	[]E, map[string]E        list, map
//	struct, *struct          object
//	*E                       E, null when nil
//
// Zero strings, lists, maps and text values are null, so that "not written"
// and "written empty" are one value; numbers and bools are always themselves.

var (
	marshaler   = reflect.TypeFor[encoding.TextMarshaler]()
	unmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// checkFields panics unless struct type t has exactly one field for each
// attribute of typ, of a fitting kind.
func checkFields(t reflect.Type, typ cty.Type, path string) {
	t = deref(t)
	bad := func() { panic(fmt.Sprintf("%s: Go type %s does not hold %s", path, t, typ.FriendlyName())) }
	switch {
	case reflect.PointerTo(t).Implements(unmarshaler):
		if typ != cty.String {
			bad()
		}
	case typ.IsObjectType():
		if t.Kind() != reflect.Struct {
			bad()
		}
		attrs := typ.AttributeTypes()
		for i := range t.NumField() {
			name := t.Field(i).Tag.Get("cty")
			if _, ok := attrs[name]; !ok {
				panic(fmt.Sprintf("%s: field %s has the tag %q, which is no attribute", path, t.Field(i).Name, name))
			}
			checkFields(t.Field(i).Type, attrs[name], path+"."+name)
			delete(attrs, name)
		}
		for name := range attrs {
			panic(fmt.Sprintf("%s: %s has no field for attribute %q", path, t, name))
		}
	case typ.IsListType() && t.Kind() == reflect.Slice, typ.IsMapType() && t.Kind() == reflect.Map:
		checkFields(t.Elem(), typ.ElementType(), path)
	case typ == cty.String && t.Kind() == reflect.String,
		typ == cty.Bool && t.Kind() == reflect.Bool,
		typ == cty.Number && t.Kind() == reflect.Int:
	default:
		bad()
	}
}

func deref(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}

// decode fills *out from a value whose type checkFields has shown to fit. Its
// error is a text that the field's own type does not read.
func decode(v cty.Value, out any) error { return decodeInto(v, reflect.ValueOf(out).Elem()) }

func decodeInto(v cty.Value, out reflect.Value) error {
	if v == cty.NilVal || v.IsNull() {
		out.SetZero()
		return nil
	}
	if out.Kind() == reflect.Pointer {
		out.Set(reflect.New(out.Type().Elem()))
		out = out.Elem()
	}
	if u, ok := out.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(v.AsString()))
	}
	switch out.Kind() {
	case reflect.String:
		out.SetString(v.AsString())
	case reflect.Bool:
		out.SetBool(v.True())
	case reflect.Int:
		n, _ := v.AsBigFloat().Int64()
		out.SetInt(n)
	case reflect.Slice:
		elems := v.AsValueSlice()
		out.Set(reflect.MakeSlice(out.Type(), len(elems), len(elems)))
		for i, e := range elems {
			if err := decodeInto(e, out.Index(i)); err != nil {
				return err
			}
		}
	case reflect.Map:
		out.Set(reflect.MakeMap(out.Type()))
		for k, e := range v.AsValueMap() {
			elem := reflect.New(out.Type().Elem()).Elem()
			if err := decodeInto(e, elem); err != nil {
				return err
			}
			out.SetMapIndex(reflect.ValueOf(k), elem)
		}
	case reflect.Struct:
		for i := range out.NumField() {
			name := out.Type().Field(i).Tag.Get("cty")
			if err := decodeInto(v.GetAttr(name), out.Field(i)); err != nil {
				return fmt.Errorf("%q: %w", name, err)
			}
		}
	}
	return nil
}

// encode is the inverse of decode for the cty type typ.
func encode(in any, typ cty.Type) cty.Value { return encodeFrom(reflect.ValueOf(in).Elem(), typ) }

func encodeFrom(in reflect.Value, typ cty.Type) cty.Value {
	if in.Kind() == reflect.Pointer {
		if in.IsNil() {
			return cty.NullVal(typ)
		}
		return encodePresent(in.Elem(), typ)
	}
	text := in.Type().Implements(marshaler)
	switch in.Kind() {
	case reflect.Slice, reflect.Map:
		if in.Len() == 0 {
			return cty.NullVal(typ)
		}
	case reflect.String:
		if in.Len() == 0 {
			return cty.NullVal(typ)
		}
	default:
		if text && in.IsZero() {
			return cty.NullVal(typ)
		}
	}
	return encodePresent(in, typ)
}

func encodePresent(in reflect.Value, typ cty.Type) cty.Value {
	if m, ok := in.Interface().(encoding.TextMarshaler); ok {
		text, err := m.MarshalText()
		if err != nil {
			panic(fmt.Sprintf("encode %s: %v", in.Type(), err))
		}
		return cty.StringVal(string(text))
	}
	switch in.Kind() {
	case reflect.String:
		return cty.StringVal(in.String())
	case reflect.Bool:
		return cty.BoolVal(in.Bool())
	case reflect.Int:
		return cty.NumberIntVal(in.Int())
	case reflect.Slice:
		if in.Len() == 0 {
			return cty.ListValEmpty(typ.ElementType())
		}
		elems := make([]cty.Value, in.Len())
		for i := range elems {
			elems[i] = encodePresent(in.Index(i), typ.ElementType())
		}
		return cty.ListVal(elems)
	case reflect.Map:
		if in.Len() == 0 {
			return cty.MapValEmpty(typ.ElementType())
		}
		elems := make(map[string]cty.Value, in.Len())
		for it := in.MapRange(); it.Next(); {
			elems[it.Key().String()] = encodePresent(it.Value(), typ.ElementType())
		}
		return cty.MapVal(elems)
	}
	attrs := make(map[string]cty.Value, in.NumField())
	for i := range in.NumField() {
		name := in.Type().Field(i).Tag.Get("cty")
		attrs[name] = encodeFrom(in.Field(i), typ.AttributeType(name))
	}
	return cty.ObjectVal(attrs)
}
