package attribute_test

import (
	"math/big"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/attr/xattr"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
)

// huge is a number that takes a gigabyte to write out.
func huge(text string) *big.Float {
	number, _, err := big.ParseFloat(text, 10, 512, big.ToNearestEven)
	if err != nil {
		panic(err)
	}
	return number
}

func TestWholeNumbers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		number any
		want   int64
		fails  string
	}{
		{number: 3, want: 3},
		{number: -1, want: -1},
		{number: 3.0, want: 3},
		{number: nil},
		{number: tftypes.UnknownValue},
		{number: 2.5, fails: `worker_pools["a"].cpu: The value must be a whole number, got 2.5.`},
		{number: huge("1e600000000"), fails: `worker_pools["a"].cpu: The value is out of range.`},
		{number: huge("1e-600000000"), fails: `worker_pools["a"].cpu: The value must be a whole number.`},
		{number: 1e20, fails: `worker_pools["a"].cpu: The value is out of range, got 100000000000000000000.`},
	} {
		value, err := attribute.Int64Type{}.ValueFromTerraform(t.Context(), tftypes.NewValue(tftypes.Number, c.number))
		if err != nil {
			t.Errorf("%v: %s", c.number, err)
			continue
		}
		number := value.(attribute.Int64)
		req := xattr.ValidateAttributeRequest{Path: path.Root("worker_pools").AtMapKey("a").AtName("cpu")}
		var resp xattr.ValidateAttributeResponse
		number.ValidateAttribute(t.Context(), req, &resp)
		said := ""
		if resp.Diagnostics.HasError() {
			said = resp.Diagnostics[0].Detail()
		}
		if said != c.fails || number.ValueInt64() != c.want {
			t.Errorf("%v: got %d and %q, want %d and %q", c.number, number.ValueInt64(), said, c.want, c.fails)
		}
		if !number.Equal(value) || !number.Type(t.Context()).Equal(attribute.Int64Type{}) {
			t.Errorf("%v: it is not equal to itself", c.number)
		}
	}
}
