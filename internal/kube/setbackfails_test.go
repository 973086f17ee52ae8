package kube_test

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeapi"
)

// refusing has the API answer with a status to each change of an object, and counts them.
func (c *cluster) refusing(name string, status metav1.Status) *atomic.Int64 {
	var asked atomic.Int64
	status.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
	status.Status = metav1.StatusFailure
	instead := func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPatch || !strings.HasSuffix(r.URL.Path, "/"+name) {
			return false
		}
		asked.Add(1)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(int(status.Code))
		_ = json.NewEncoder(w).Encode(status)
		return true
	}
	c.instead.Store(&instead)
	return &asked
}

func painted(colour string) func(*kubeapi.Object) {
	return func(o *kubeapi.Object) { o.Object["data"] = map[string]any{"colour": colour} }
}

// setAllBack sets objects back, and returns what is known of them after, and what is held.
func (c *cluster) setAllBack(
	t *testing.T, objects []model.PackObject, only []model.ObjectRef, texts ...string,
) (now []model.PackObject, held []model.Drift) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	now, held, err := c.SetBack(ctx, model.PackManifests{Owner: shopOwner, Manifests: texts, Objects: objects}, only)
	if err != nil || ctx.Err() != nil {
		t.Fatalf("set back %v, held %v: %v", now, held, err)
	}
	return now, held
}

// TestAnErrorOfOneObjectHoldsIt has the API fail one object in several ways: the plan says why, an
// apply asks once, sets the others back and says what it has set, and no value is in what is said.
func TestAnErrorOfOneObjectHoldsIt(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]struct {
		metav1.Status
		why string
	}{
		"a webhook denies without a code": {metav1.Status{
			Code: http.StatusBadRequest, Reason: metav1.StatusReasonBadRequest,
			Message: `admission webhook "guard.example.com" denied the request: Invalid value: "hunter2"`,
		}, "guard.example.com"},
		"a webhook has a text for a reason": {metav1.Status{
			Code: http.StatusForbidden, Reason: "hunter2 is not allowed", Message: `admission webhook "guard.example.com" denied the request`,
		}, "guard.example.com"},
		"a webhook is away": {metav1.Status{
			Code: http.StatusInternalServerError, Reason: metav1.StatusReasonInternalError,
			Message: `Internal error occurred: failed calling webhook "guard.example.com": dial tcp: hunter2`,
		}, "guard.example.com"},
		"a field is not declared": {metav1.Status{
			Code:    http.StatusInternalServerError,
			Message: `failed to create typed patch object (hunter2): .data.colour: field not declared in schema`,
		}, "not declared"},
		"the namespace is gone": {metav1.Status{
			Code: http.StatusNotFound, Reason: metav1.StatusReasonNotFound, Message: `namespaces "default" not found`,
			Details: &metav1.StatusDetails{Name: "default", Kind: "namespaces"},
		}, "namespaces default"},
		"a value is invalid": {metav1.Status{
			Code: http.StatusUnprocessableEntity, Reason: metav1.StatusReasonInvalid, Message: `Invalid value: "hunter2"`,
			Details: &metav1.StatusDetails{Causes: []metav1.StatusCause{
				{Type: metav1.CauseTypeFieldValueInvalid, Field: "data[colour]", Message: `Invalid value: "hunter2"`},
			}},
		}, "data[colour]: FieldValueInvalid"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			applied := c.own(t, manifests(colours))
			for _, ref := range []model.ObjectRef{first, second} {
				c.edit(t, kubeapi.ConfigMaps.WithVersion("v1"), ref, painted("green"))
			}
			asked := c.refusing("first", status.Status)
			drift, err := c.look(t, applied, colours)
			if err != nil || len(drift) != 2 || drift[0].Held == "" || drift[1].Held != "" {
				t.Fatalf("drift %v, %v", drift, err)
			}
			asked.Store(0)
			now, held := c.setAllBack(t, applied, []model.ObjectRef{first, second}, colours)
			if !slices.ContainsFunc(now, func(o model.PackObject) bool { return o.ObjectRef == second && len(o.SetBack) > 0 }) {
				t.Errorf("set back %v", now)
			}
			if len(held) != 1 || held[0].ObjectRef != first || asked.Load() != 1 {
				t.Fatalf("held %v after it was asked %d times", held, asked.Load())
			}
			for _, why := range []string{held[0].Held, drift[0].Held} {
				if !strings.Contains(why, status.why) || strings.Contains(why, "hunter2") {
					t.Errorf("it says %q", why)
				}
			}
		})
	}
}

// TestWebhooksWithoutDryRunsDecideInTheApply has a webhook refuse to be asked: nothing is known of what
// it says in the apply. What it does not let be set back there is not planned again.
func TestWebhooksWithoutDryRunsDecideInTheApply(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	applied := c.own(t, manifests(colours))
	c.edit(t, kubeapi.ConfigMaps.WithVersion("v1"), first, painted("green"))
	c.refusing("first", metav1.Status{
		Code: http.StatusBadRequest, Reason: metav1.StatusReasonBadRequest, Message: `admission webhook "a.example.com" does not support dry run`,
	})
	if drift, err := c.look(t, applied, colours); err != nil || len(drift) != 1 || drift[0].Held != "" {
		t.Errorf("drift %v, %v", drift, err)
	}
	after, held := c.setBack(t, applied, first, colours)
	if len(held) != 1 {
		t.Errorf("held %v", held)
	}
	if drift, err := c.look(t, after, colours); err != nil || len(drift) != 1 || drift[0].Held == "" {
		t.Errorf("refused, and planned again: %v, %v", drift, err)
	}
}

const definition = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Widget, plural: widgets, singular: widget, listKind: WidgetList}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`

const room = `
apiVersion: v1
kind: ConfigMap
metadata: {name: inside, namespace: room}
data: {colour: red}
`

const roomItself = `
apiVersion: v1
kind: Namespace
metadata: {name: room}
`

// TestWhatIsMissingWithItsNamespace sets objects back whose namespace is gone where the namespace comes
// with the pack, whatever the order; where it does not, they are told, and the apply does not wait for it.
func TestWhatIsMissingWithItsNamespace(t *testing.T) {
	t.Parallel()
	for _, brings := range []bool{true, false} {
		c := newCluster(t)
		if _, err := c.Apply(t.Context(), manifests(roomItself)); err != nil {
			t.Fatal(err)
		}
		texts := []string{room}
		if brings {
			texts = append(texts, roomItself)
		}
		applied := c.own(t, manifests(texts...))
		for i := range applied { // another one has made it, before
			applied[i].TakenOver = false
		}
		for r, ref := range map[schema.GroupResource]model.ObjectRef{
			kubeapi.ConfigMaps: {Namespace: "room", Name: "inside"}, kubeapi.Namespaces: {Name: "room"},
		} {
			if _, err := c.store.Delete(r, ref.Namespace, ref.Name, metav1.Preconditions{}, nil); err != nil && c.there(r, ref) {
				t.Fatal(err)
			}
		}
		drift, err := c.look(t, applied, texts...)
		if err != nil || len(drift) != len(texts) {
			t.Fatalf("drift %v, %v", drift, err)
		}
		var refs []model.ObjectRef
		for _, d := range drift {
			refs = append(refs, d.ObjectRef)
			if (d.Held == "") != brings {
				t.Errorf("drift %v", d)
			}
		}
		now, held := c.setAllBack(t, applied, refs, texts...)
		if brings && (len(now) != 2 || len(held) > 0) || !brings && (len(now) > 0 || len(held) != 1) {
			t.Errorf("set back %v, held %v", now, held)
		}
	}
}

// TestMissingCustomResourcesMayHaveEnded has a custom resource go, as one does that its controller
// deletes once it is done: made again, it would run again. It comes with its definition alone.
func TestMissingCustomResourcesMayHaveEnded(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	texts := []string{widget, definition}
	applied := c.own(t, manifests(texts...))
	of := c.others(t).Resource(widgets.WithVersion("v1")).Namespace(widgetRef.Namespace)
	if err := of.Delete(t.Context(), widgetRef.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	drift, err := c.look(t, applied, texts...)
	if err != nil || len(drift) != 1 || !strings.Contains(drift[0].Held, "run again") {
		t.Errorf("drift %v, %v", drift, err)
	}
	if now, held := c.setAllBack(t, applied, []model.ObjectRef{widgetRef}, texts...); len(now) > 0 || len(held) != 1 {
		t.Errorf("set back %v, held %v", now, held)
	}
	if _, err := c.store.Delete(kubeapi.CustomResources, "", widgetDef.Name, metav1.Preconditions{}, nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		if c.there(kubeapi.CustomResources, widgetDef) {
			return context.DeadlineExceeded
		}
		return nil
	})
	if drift, err := c.look(t, applied, widget); err != nil || len(drift) != 2 || slices.ContainsFunc(drift, func(d model.Drift) bool {
		return d.ObjectRef == widgetRef && d.Held == ""
	}) {
		t.Errorf("without its definition: drift %v, %v", drift, err)
	}
	drift, err = c.look(t, applied, texts...)
	if err != nil || len(drift) != 2 || drift[0].Held != "" || drift[1].Held != "" {
		t.Errorf("with its definition: drift %v, %v", drift, err)
	}
	if now, held := c.setAllBack(t, applied, []model.ObjectRef{widgetRef, widgetDef}, texts...); len(now) != 2 || len(held) > 0 {
		t.Errorf("set back %v, held %v", now, held)
	}
}
