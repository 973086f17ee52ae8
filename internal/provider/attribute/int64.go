package attribute

import (
	"context"
	"fmt"
	"math/big"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/attr/xattr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// Int64Type is the CustomType of every attribute that is a whole number which users
// write. Terraform has one type for all numbers, and the framework's own type calls
// a fraction an error in the provider.
type Int64Type struct{ basetypes.Int64Type }

// Int64 is a value of Int64Type. One that is not a whole number is kept as unknown,
// so that nothing works with it, until it is refused.
type Int64 struct {
	basetypes.Int64Value
	invalid string // what is wrong with the number that was configured
}

var (
	_ basetypes.Int64Typable      = Int64Type{}
	_ basetypes.Int64Valuable     = Int64{}
	_ xattr.ValidateableAttribute = Int64{}
)

// Int64Value is a known whole number.
func Int64Value(n int64) Int64 { return Int64{Int64Value: basetypes.NewInt64Value(n)} }

// Equal implements attr.Type.
func (Int64Type) Equal(other attr.Type) bool {
	_, ok := other.(Int64Type)
	return ok
}

// String implements attr.Type.
func (Int64Type) String() string { return "attribute.Int64Type" }

// ValueType implements attr.Type.
func (Int64Type) ValueType(context.Context) attr.Value { return Int64{} }

// ValueFromInt64 implements basetypes.Int64Typable.
func (Int64Type) ValueFromInt64(_ context.Context, v basetypes.Int64Value) (basetypes.Int64Valuable, diag.Diagnostics) {
	return Int64{Int64Value: v}, nil
}

// ValueFromTerraform implements attr.Type.
func (t Int64Type) ValueFromTerraform(ctx context.Context, in tftypes.Value) (attr.Value, error) {
	if in.IsKnown() && !in.IsNull() {
		var number *big.Float
		if err := in.As(&number); err != nil {
			return nil, err
		}
		if _, accuracy := number.Int64(); accuracy != big.Exact {
			rule := "must be a whole number"
			if number.IsInt() || number.IsInf() {
				rule = "is out of range"
			}
			return Int64{Int64Value: basetypes.NewInt64Unknown(), invalid: rule + got(number)}, nil
		}
	}
	value, err := t.Int64Type.ValueFromTerraform(ctx, in)
	if err != nil {
		return nil, err
	}
	whole, ok := value.(basetypes.Int64Value)
	if !ok {
		return nil, fmt.Errorf("%T is no whole number", value)
	}
	return Int64{Int64Value: whole}, nil
}

// got shows a number, unless that takes more digits than are read: 1e600000000
// would take a gigabyte.
func got(number *big.Float) string {
	if exponent := number.MantExp(nil); number.IsInf() || exponent > 200 || exponent < -200 {
		return ""
	}
	return ", got " + number.Text('f', -1)
}

// Type implements attr.Value.
func (Int64) Type(context.Context) attr.Type { return Int64Type{} }

// Equal implements attr.Value.
func (v Int64) Equal(other attr.Value) bool {
	o, ok := other.(Int64)
	return ok && v.invalid == o.invalid && v.Int64Value.Equal(o.Int64Value)
}

// ValidateAttribute implements xattr.ValidateableAttribute.
func (v Int64) ValidateAttribute(_ context.Context, req xattr.ValidateAttributeRequest, resp *xattr.ValidateAttributeResponse) {
	if v.invalid != "" {
		resp.Diagnostics.Append(diagnostics.AttributeError(req.Path, "Invalid number",
			"The value "+v.invalid+"."))
	}
}
