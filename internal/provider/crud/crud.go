// Package crud has what the drivers of enginecrud and recordcrud share.
package crud

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
)

// WriteOnly is implemented by models with write-only values, which only the
// configuration has: no plan or state holds them.
type WriteOnly interface {
	ReadWriteOnly(ctx context.Context, config tfsdk.Config) diag.Diagnostics
	ClearWriteOnly()
}

// ReadWriteOnly sets the write-only values of a model, if it has some.
func ReadWriteOnly(ctx context.Context, m any, config tfsdk.Config) diag.Diagnostics {
	if w, ok := m.(WriteOnly); ok {
		return w.ReadWriteOnly(ctx, config)
	}
	return nil
}

// ClearWriteOnly makes the write-only values of a model null, if it has some.
func ClearWriteOnly(m any) {
	if w, ok := m.(WriteOnly); ok {
		w.ClearWriteOnly()
	}
}

// PrivateReader is the private state of a request.
type PrivateReader interface {
	GetKey(ctx context.Context, key string) ([]byte, diag.Diagnostics)
}

// PrivateWriter is the private state of a response.
type PrivateWriter interface {
	SetKey(ctx context.Context, key string, value []byte) diag.Diagnostics
}
