package schema

import "github.com/zclconf/go-cty/cty"

// Part is an attribute or a nested block of a block's value; NilVal if it is
// null, not known, or there is none.
func Part(block cty.Value, name string) cty.Value {
	if block == cty.NilVal || block.IsNull() || !block.IsKnown() || !block.Type().HasAttribute(name) {
		return cty.NilVal
	}
	if v := block.GetAttr(name); v.IsKnown() && !v.IsNull() {
		return v
	}
	return cty.NilVal
}

// Text is a string of a block's value, "" where Part is NilVal.
func Text(block cty.Value, name string) string {
	if v := Part(block, name); v != cty.NilVal {
		return v.AsString()
	}
	return ""
}

// Number is a whole number of a block's value, 0 where Part is NilVal.
func Number(block cty.Value, name string) int {
	v := Part(block, name)
	if v == cty.NilVal {
		return 0
	}
	n, _ := v.AsBigFloat().Int64()
	return int(n)
}

// SizeAt is a size of a block's value, 0 where Part is NilVal or no size.
func SizeAt(block cty.Value, name string) Size {
	n, err := ParseSize(Text(block, name))
	if err != nil {
		return 0
	}
	return n
}
