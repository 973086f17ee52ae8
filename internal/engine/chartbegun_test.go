package engine_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/packs"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/testing/testchart"
)

// deadly is the way to a cluster's API of a process that dies where it is to delete anything.
type deadly struct {
	http.RoundTripper
	die func()
}

func (d deadly) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodDelete {
		d.die()
		return nil, errors.New("the process is dead")
	}
	return d.RoundTripper.RoundTrip(r)
}

// dieDeleting applies a spec by a run that dies as soon as Helm is to delete anything.
func (w *world) dieDeleting(spec model.ClusterSpec, secrets *model.Secrets) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	e := w.engine()
	e.Charts = packs.New(packs.Options{Cluster: func(kubeconfig []byte) (*rest.Config, error) {
		config, err := w.restConfig(kubeconfig)
		if err == nil {
			config.Transport = deadly{RoundTripper: config.Transport, die: cancel}
		}
		return config, err
	}})
	if _, err := e.Apply(ctx, engine.Request{Spec: spec, Secrets: secrets}); err == nil {
		w.t.Error("the run ended well")
	}
}

// TestWhatHasBegunIsAChange has runs that die in an upgrade and in an uninstallation, and a
// configuration that is taken back to what was applied before: it is applied again.
func TestWhatHasBegunIsAChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	folder := testchart.Folder(t, testchart.Files("1.0.0"))
	spec, secrets := w.withChart(chartPack(folder, "text: one"))

	w.dieWhile("2 pending-upgrade", spec, secrets, chartPack(folder, "text: two", "missing: nowhere"))
	spec.Packs = []model.Pack{network, chartPack(folder, "text: one")}
	w.expectPlan(spec, secrets, "upgrade_pack app (demo 1.0.0)")
	w.change(spec, secrets)
	w.checkRelease(spec, secrets, "one")

	taken := spec
	taken.Packs = spec.Packs[:1]
	w.dieDeleting(taken, secrets)
	if got := w.revisions(secrets, "app"); !slices.Contains(got, "3 uninstalling") {
		t.Errorf("it has left %v", got)
	}
	w.expectPlan(taken, secrets, "uninstall_pack app (demo 1.0.0)")
	w.expectPlan(spec, secrets, "upgrade_pack app (demo 1.0.0)")
	w.change(spec, secrets)
	w.checkRelease(spec, secrets, "one")
}
