package kube

import (
	"context"
	"crypto/sha256"
	"io"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// NewForClients returns the API over client-go's fakes, with a short interval.
func NewForClients(clients kubernetes.Interface) model.API {
	return &api{clients: clients, interval: time.Millisecond}
}

// Failed is the error of a call.
func Failed(ctx context.Context, err error) error { return failed(ctx, err, "ask") }

// WholeSnapshot reports whether parts of a snapshot end with the hash of what is before.
func WholeSnapshot(parts [][]byte) bool {
	w := &checkedWriter{to: io.Discard, hash: sha256.New()}
	for _, part := range parts {
		_, _ = w.Write(part)
	}
	return w.whole()
}

// SetFields are the fields that an apply has set, by what it has applied and the API has answered.
func SetFields(applied, answer *unstructured.Unstructured) *model.SetFields {
	return testKey.setFields(applied, answer)
}

var testKey = newHashKey([]byte("a key"))

// Changed are the first of those fields that someone has changed since, and that an apply sets back.
func Changed(set model.SetFields, live *unstructured.Unstructured) []string {
	changes := testKey.changes(set, live)
	fields, _ := names(slices.DeleteFunc(changes, func(c change) bool { return !c.drifts() }))
	return fields
}
