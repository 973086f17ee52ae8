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
	return &api{clients: clients, interval: time.Millisecond, kindTime: kindTime, reading: make(chan struct{}, 1)}
}

// SetKindTime has an API bound by this time how long objects of one kind are read.
func SetKindTime(of model.API, d time.Duration) { of.(*api).kindTime = d }

// ReadRelease reads a manifest, and returns how many objects of it are compared and what is held of them.
func ReadRelease(ctx context.Context, manifest string) (objects, held int, compareAll func() (left int), err error) {
	r := &releaseComparison{namespace: "default", name: "shop", now: time.Now(), objects: map[model.ObjectRef][]byte{}}
	read, err := r.read(ctx, manifest)
	for _, object := range r.objects {
		held += len(object)
	}
	return len(read), held, func() int {
		for _, o := range read {
			r.compare(o, nil)
		}
		return len(r.objects)
	}, err
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

// ReleaseChanged are the fields that others have changed of an object of a release.
func ReleaseChanged(wanted, live *unstructured.Unstructured) []string {
	fields, _ := names(releaseChanges(wanted, live))
	return fields
}

var testKey = newHashKey([]byte("a key"))

// Changed are the first of those fields that someone has changed since, and that an apply sets back.
func Changed(set model.SetFields, live *unstructured.Unstructured) []string {
	changes := testKey.changes(set, live)
	fields, _ := names(slices.DeleteFunc(changes, func(c change) bool { return !c.drifts() }))
	return fields
}
