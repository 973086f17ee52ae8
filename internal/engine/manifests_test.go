package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
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
	other = settings("one", "two", "three")
	other.Name = "other"
	spec.Packs = []model.Pack{network, other}
	w.expectPlan(spec, secrets, "uninstall_pack app (0 objects)", "apply_pack other")
	w.changeWarns(spec, secrets)
	if after := uids(); !slices.Equal(after, before) {
		t.Errorf("before %v, after %v", before, after)
	}
	spec.Packs = spec.Packs[:1]
	w.change(spec, secrets)
	w.expectInApps(secrets)
}
