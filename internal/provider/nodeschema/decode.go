package nodeschema

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"
)

// AllKnown decodes objects all of whose parts are known; an optional part that is
// null is a nil pointer.
var AllKnown = basetypes.ObjectAsOptions{}

// OrZero returns what a pointer points at; zero for nil.
func OrZero[T any](p *T) T {
	if p == nil {
		return *new(T)
	}
	return *p
}

// Strings decodes a list of strings, all of which are known; null is none.
func Strings(ctx context.Context, list types.List) ([]string, diag.Diagnostics) {
	if list.IsNull() {
		return nil, nil
	}
	var values []string
	diags := list.ElementsAs(ctx, &values, false)
	return values, diags
}
