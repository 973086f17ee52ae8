package packs

import (
	"context"
	"errors"
	"log/slog"
	"sync"
)

// reasons is a log of Helm's of which only the errors are kept: of some that it meets it
// returns nothing but that there was one.
type reasons struct {
	mu   sync.Mutex
	errs []error
}

// Enabled implements slog.Handler.
func (*reasons) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler.
func (r *reasons) Handle(_ context.Context, record slog.Record) error {
	record.Attrs(func(a slog.Attr) bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		switch err := a.Value.Any().(type) {
		case error:
			r.errs = append(r.errs, err)
		case []error:
			r.errs = append(r.errs, err...)
		}
		return true
	})
	return nil
}

// WithAttrs implements slog.Handler.
func (r *reasons) WithAttrs([]slog.Attr) slog.Handler { return r }

// WithGroup implements slog.Handler.
func (r *reasons) WithGroup(string) slog.Handler { return r }

// behind returns an error with those of the log that it does not have.
func (r *reasons) behind(err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := []error{err}
	for _, reason := range r.errs {
		if !errors.Is(err, reason) {
			all = append(all, reason)
		}
	}
	return errors.Join(all...)
}
