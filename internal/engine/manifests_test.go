package engine_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/testing/testchart"
)

// byHand applies manifests as an administrator does, who has no pack.
func (w *world) byHand(api model.API, manifests ...string) {
	w.t.Helper()
	_, err := api.Apply(w.t.Context(), model.PackManifests{Manifests: manifests})
	w.must(err)
}

// settings is a pack of ConfigMaps in a namespace of its own. An object may have more lines of
// metadata after a comma.
func settings(objects ...string) model.Pack {
	manifest := "apiVersion: v1\nkind: Namespace\nmetadata: {name: apps}\n"
	for _, object := range objects {
		manifest += fmt.Sprintf("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {namespace: apps, name: %s}\n", object)
	}
	return model.Pack{Name: "app", Layer: "addon", Manifests: []string{manifest}}
}

const (
	protected = `, annotations: {gantry.io/prune: disabled}`
	held      = `, finalizers: [example.com/wait]`
)

// inApps are the ConfigMaps of the namespace apps but for Kubernetes' own.
func (w *world) inApps(secrets *model.Secrets) []string {
	w.t.Helper()
	list, err := w.clients(secrets).CoreV1().ConfigMaps("apps").List(w.t.Context(), metav1.ListOptions{})
	w.must(err)
	var names []string
	for _, m := range list.Items {
		if m.Name != "kube-root-ca.crt" {
			names = append(names, m.Name)
		}
	}
	return names
}

func (w *world) expectInApps(secrets *model.Secrets, want ...string) {
	w.t.Helper()
	if got := w.inApps(secrets); !slices.Equal(got, want) {
		w.t.Errorf("the namespace has %q, and not %q", got, want)
	}
}

// changeWarns is change, and what it says beside.
func (w *world) changeWarns(spec model.ClusterSpec, secrets *model.Secrets, want ...string) {
	w.t.Helper()
	out, err := w.engine().Apply(w.t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	w.must(err)
	for _, text := range want {
		said := slices.ContainsFunc(out.Warnings, func(f model.Finding) bool { return strings.Contains(f.Detail, text) })
		if !said {
			w.t.Errorf("%q is not among %v", text, out.Warnings)
		}
	}
	if len(want) == 0 && len(out.Warnings) > 0 {
		w.t.Errorf("warned %v", out.Warnings)
	}
}

// TestManifestsArePrunedAndTakenOut is the life of a pack of manifests: what leaves them goes,
// but for what others own and what is protected, what hangs is named, and the pack becomes a
// chart and is taken out.
func TestManifestsArePrunedAndTakenOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.spec(1, 1)
	spec.Packs = []model.Pack{network, settings("one", "two")}
	spec, secrets, _ := w.applied(spec)
	w.expectPlan(spec, secrets)
	w.byHand(w.kubeAPI(secrets), "apiVersion: v1\nkind: ConfigMap\nmetadata: {namespace: apps, name: theirs}\n")

	spec.Packs[1] = settings("one", "theirs", "three"+protected)
	w.expectPlan(spec, secrets, "apply_pack app (prunes 1 object)")
	w.changeWarns(spec, secrets)
	w.expectInApps(secrets, "one", "theirs", "three")
	w.expectPlan(spec, secrets)

	spec.Packs[1] = settings("one")
	w.expectPlan(spec, secrets, "apply_pack app (prunes 1 object)") // others have made theirs
	w.changeWarns(spec, secrets, "ConfigMap apps/three (it has the annotation gantry.io/prune: disabled)")
	w.expectInApps(secrets, "one", "theirs", "three")

	spec.Packs[1] = settings("one", "four"+held)
	w.change(spec, secrets)
	spec.Packs[1] = settings("one")
	hasty := w.engine()
	hasty.Timing.DeleteWait = time.Second
	_, err := hasty.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	if err == nil || !strings.Contains(err.Error(), "ConfigMap apps/four (it is being deleted, and waits for") ||
		!strings.Contains(err.Error(), "example.com/wait") {
		t.Fatalf("got %v", err)
	}
	w.expectPlan(spec, secrets, "apply_pack app (prunes 1 object)")
	four, err := w.clients(secrets).CoreV1().ConfigMaps("apps").Get(t.Context(), "four", metav1.GetOptions{})
	w.must(err)
	four.Finalizers = nil
	_, err = w.clients(secrets).CoreV1().ConfigMaps("apps").Update(t.Context(), four, metav1.UpdateOptions{})
	w.must(err)
	w.change(spec, secrets)
	w.expectInApps(secrets, "one", "theirs", "three")

	spec.Packs[1] = chartPack(testchart.Folder(t, testchart.Files("1.0.0")))
	w.expectPlan(spec, secrets, "uninstall_pack app (1 object)", "install_pack app (demo 1.0.0)")
	w.changeWarns(spec, secrets, "Namespace apps (a namespace goes with all that is in it)")
	w.expectInApps(secrets, "app", "theirs", "three")
	if w.secretData(secrets, "kube-system", model.InventorySecret("app")) != nil {
		t.Error("the list of the objects is left")
	}

	spec.Packs[1] = settings("one")
	w.expectPlan(spec, secrets, "uninstall_pack app (demo 1.0.0)", "apply_pack app")
	w.change(spec, secrets)
	spec.Packs[1].KeepObjects = true
	w.expectPlan(spec, secrets, "apply_pack app")
	w.change(spec, secrets)
	spec.Packs = spec.Packs[:1]
	w.expectPlan(spec, secrets, "uninstall_pack app (objects stay)")
	w.changeWarns(spec, secrets)
	w.expectInApps(secrets, "one", "theirs", "three")
	w.expectPlan(spec, secrets)
}

// TestObjectsMoveToAnotherPack has an object leave a pack for another one, also where its pack is
// taken out: it is never away in between.
func TestObjectsMoveToAnotherPack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.spec(1, 1)
	spec.Packs = []model.Pack{network, settings("one", "two", "three")}
	spec, secrets, _ := w.applied(spec)
	uids := func() (all []string) {
		for _, name := range w.inApps(secrets) {
			m, err := w.clients(secrets).CoreV1().ConfigMaps("apps").Get(t.Context(), name, metav1.GetOptions{})
			w.must(err)
			all = append(all, name+" "+string(m.UID))
		}
		return all
	}
	before := uids()
	other := settings("two")
	other.Name = "other"
	spec.Packs = []model.Pack{network, settings("one", "three"), other}
	w.expectPlan(spec, secrets, "apply_pack app", "apply_pack other")
	w.changeWarns(spec, secrets)
	if after := uids(); !slices.Equal(after, before) {
		t.Errorf("before %v, after %v", before, after)
	}
	w.expectDrift(spec, secrets) // both packs have the namespace
	other = settings("one", "two", "three")
	other.Name = "other"
	spec.Packs = []model.Pack{network, other}
	w.expectPlan(spec, secrets, "uninstall_pack app (0 objects)", "apply_pack other")
	w.changeWarns(spec, secrets)
	if after := uids(); !slices.Equal(after, before) {
		t.Errorf("before %v, after %v", before, after)
	}
	spec.Packs = []model.Pack{network, settings("mine"), other}
	w.change(spec, secrets)
	w.expectPlan(spec, secrets)
	spec.Packs = spec.Packs[:2] // the namespace has the marks of the other one
	w.expectPlan(spec, secrets, "uninstall_pack other (3 objects)", "apply_pack app")
	w.changeWarns(spec, secrets)
	w.expectPlan(spec, secrets)
	spec.Packs = spec.Packs[:1]
	w.change(spec, secrets)
	w.expectInApps(secrets)
}

// watched counts of how many packs the objects are compared.
type watched struct {
	model.Kube
	compared *atomic.Int64
}

func (k watched) Connect(kubeconfig []byte, etcd pki.KeyPair) (model.API, error) {
	api, err := k.Kube.Connect(kubeconfig, etcd)
	return watchedAPI{API: api, compared: k.compared}, err
}

type watchedAPI struct {
	model.API
	compared *atomic.Int64
}

func (a watchedAPI) Drift(ctx context.Context, m model.PackManifests) ([]model.Drift, error) {
	a.compared.Add(1)
	return a.API.Drift(ctx, m)
}

// TestDriftIsSetBack has an administrator change, delete and add to what a pack has applied: what
// the manifests set is set back by the next apply, which touches nothing else, and the rest is no
// change. What changes in the same way again is told and stays, until the manifests change.
func TestDriftIsSetBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.spec(1, 1)
	spec.Packs = []model.Pack{network, settings("one", "two, annotations: {owner: shop}", "three, annotations: {owner: shop}")}
	spec, secrets, _ := w.applied(spec)
	w.expectPlan(spec, secrets)
	configMaps := w.clients(secrets).CoreV1().ConfigMaps("apps")
	get := func(name string) *corev1.ConfigMap {
		o, err := configMaps.Get(t.Context(), name, metav1.GetOptions{})
		w.must(err)
		return o
	}
	annotate := func(name, key, value string) {
		o := get(name)
		o.Annotations[key] = value
		_, err := configMaps.Update(t.Context(), o, metav1.UpdateOptions{FieldManager: "shop-operator"})
		w.must(err)
	}
	annotate("two", "note", "looked at")
	w.expectPlan(spec, secrets)
	annotate("two", "owner", "another")
	w.must(configMaps.Delete(t.Context(), "one", metav1.DeleteOptions{}))
	three := get("three")

	ignoring := spec
	ignoring.Packs = slices.Clone(spec.Packs)
	ignoring.Packs[1].IgnoresDrift = true
	var compared atomic.Int64
	e := w.engine()
	e.Kube = watched{Kube: e.Kube, compared: &compared}
	for of, packs := range map[*model.ClusterSpec]int64{&ignoring: 1, &spec: 2} {
		compared.Store(0)
		_, _, err := e.Status(t.Context(), *of, secrets)
		w.must(err)
		if compared.Load() != packs {
			t.Errorf("a refresh has compared the objects of %d packs, and not of %d", compared.Load(), packs)
		}
	}
	w.expectDrift(ignoring, secrets)
	w.expectDrift(spec, secrets, "apply_pack app (sets back 2 objects)")
	// What has changed since a plan waits for the next one, and how much has is no other change.
	for _, shown := range [][]model.Change{{}, {{Action: model.ActionApplyPack, Target: "app (sets back 1 object)"}}} {
		if got := w.inApps(secrets); len(got) > 2 {
			t.Errorf("a plan that has not shown it has set back %v", got)
		}
		compared.Store(0)
		_, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets, Shown: &shown})
		w.must(err)
		if compared.Load() != 2 {
			t.Errorf("an apply has compared the objects of packs %d times", compared.Load())
		}
	}
	w.expectPlan(spec, secrets)
	w.expectInApps(secrets, "one", "three", "two")
	if two := get("two"); two.Annotations["owner"] != "shop" || two.Annotations["note"] != "looked at" {
		t.Errorf("it has %v", two.Annotations)
	}
	if get("three").ResourceVersion != three.ResourceVersion {
		t.Error("an object that has not changed was applied")
	}

	annotate("two", "owner", "another")
	w.expectDrift(spec, secrets)
	_, p := w.refreshed(spec, secrets)
	told := slices.ContainsFunc(p.Warnings, func(f model.Finding) bool {
		return strings.Contains(f.Detail, "ConfigMap apps/two") &&
			strings.Contains(f.Detail, "set by shop-operator: an apply has set it back before")
	})
	if !told {
		t.Errorf("warned %v", p.Warnings)
	}
	spec.Packs[1] = settings("one", "two, annotations: {owner: shop}", "three, annotations: {owner: shop}", "four")
	w.change(spec, secrets)
	w.expectPlan(spec, secrets)
	if two := get("two"); two.Annotations["owner"] != "shop" {
		t.Errorf("manifests that have changed leave it at %v", two.Annotations)
	}
}
