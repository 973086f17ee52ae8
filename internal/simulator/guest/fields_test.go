package guest_test

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

// TestApplyKnowsWhoHasSetAField has two managers of one Service: lists are merged by their
// keys, a field of the other one is a conflict that names it, and is taken by force.
func TestApplyKnowsWhoHasSetAField(t *testing.T) {
	t.Parallel()
	s := newSite(t, guest.Options{})
	s.cluster(1, 0)
	services := s.clientset(vip).CoreV1().Services("default")
	apply := func(manager string, force bool, port string) (*corev1.Service, error) {
		body := `{"apiVersion":"v1","kind":"Service","metadata":{"name":"web"},"spec":{"ports":[` + port + `]}}`
		return services.Patch(t.Context(), "web", types.ApplyPatchType, []byte(body), metav1.PatchOptions{FieldManager: manager, Force: &force})
	}
	must := func(svc *corev1.Service, err error) *corev1.Service {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return svc
	}
	must(apply("one", false, `{"port":80,"protocol":"TCP","name":"http"}`))
	svc := must(apply("two", false, `{"port":443,"protocol":"TCP","name":"https"}`))
	if len(svc.Spec.Ports) != 2 {
		t.Errorf("ports %+v", svc.Spec.Ports)
	}
	if managers := svc.ManagedFields; len(managers) != 2 || !slices.ContainsFunc(managers, func(m metav1.ManagedFieldsEntry) bool {
		return m.Manager == "two" && m.Operation == metav1.ManagedFieldsOperationApply
	}) {
		t.Errorf("managed fields %+v", managers)
	}

	_, err := apply("two", false, `{"port":80,"protocol":"TCP","name":"web"}`)
	if !apierrors.IsConflict(err) || !strings.Contains(err.Error(), `conflict with "one"`) {
		t.Errorf("got %v", err)
	}
	svc = must(apply("two", true, `{"port":80,"protocol":"TCP","name":"web"}`))
	if len(svc.Spec.Ports) != 1 || svc.Spec.Ports[0].Name != "web" {
		t.Errorf("ports %+v", svc.Spec.Ports)
	}
}
