package kube

import (
	"errors"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestPagesOfAListThatExpires goes on behind the last object where the API server says how, and
// otherwise says what is wrong.
func TestPagesOfAListThatExpires(t *testing.T) {
	t.Parallel()
	expired := func(next string) error {
		err := apierrors.NewResourceExpired("The provided continue parameter is too old")
		err.ErrStatus.Continue = next
		return err
	}
	broken := errors.New("broken")
	type answer struct {
		next string
		err  error
	}
	for name, c := range map[string]struct {
		answers []answer
		asked   []string // by their tokens
		err     func(error) bool
	}{
		"two pages":                   {[]answer{{"a", nil}, {"", nil}}, []string{"", "a"}, nil},
		"the second one expired":      {[]answer{{"a", nil}, {"", expired("b")}, {"", nil}}, []string{"", "a", "b"}, nil},
		"and no word of how to go on": {[]answer{{"a", nil}, {"", expired("")}}, []string{"", "a"}, apierrors.IsResourceExpired},
		"the first one expired":       {[]answer{{"", expired("b")}}, []string{""}, apierrors.IsResourceExpired},
		"another failure": {
			[]answer{{"a", nil}, {"", broken}}, []string{"", "a"}, func(err error) bool { return errors.Is(err, broken) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked []string
			err := pages(metav1.ListOptions{Limit: 2}, func(options metav1.ListOptions) (metav1.ListInterface, error) {
				answer := c.answers[len(asked)]
				asked = append(asked, options.Continue)
				return &corev1.ServiceList{ListMeta: metav1.ListMeta{Continue: answer.next}}, answer.err
			})
			if !slices.Equal(asked, c.asked) {
				t.Errorf("asked for %q, want %q", asked, c.asked)
			}
			if c.err == nil && err != nil || c.err != nil && !c.err(err) {
				t.Errorf("got %v", err)
			}
		})
	}
}
