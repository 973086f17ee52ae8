package kube

import (
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// pageSize is how many objects of a long list are read at once.
const pageSize = 500

// pages lists page by page. Where etcd has compacted the time that a list is of, which it may
// do every five minutes, the list goes on behind its last object with what there is now: an
// object is in it once, and what was made behind that one is in it, too.
func pages(options metav1.ListOptions, list func(metav1.ListOptions) (metav1.ListInterface, error)) error {
	for {
		page, err := list(options)
		var status apierrors.APIStatus
		if apierrors.IsResourceExpired(err) && errors.As(err, &status) && options.Continue != "" {
			next := status.Status().Continue
			if next == "" {
				return err
			}
			options.Continue = next
			continue
		}
		if err != nil {
			return err
		}
		if options.Continue = page.GetContinue(); options.Continue == "" {
			return nil
		}
	}
}
