package engine_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/packs"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/testing/sweep"
	"github.com/gantry/terraform-provider-gantry/internal/testing/testchart"
)

// dying is the way to a cluster's API of a process that dies at a call.
type dying struct {
	http.RoundTripper
	left *atomic.Int64
	die  func()
}

func (d dying) RoundTrip(r *http.Request) (*http.Response, error) {
	if d.left.Add(-1) < 0 {
		d.die()
		return nil, errors.New("the process is dead")
	}
	return d.RoundTripper.RoundTrip(r)
}

// applyUntil applies a spec by an engine that dies at the k-th call that Helm makes, and
// returns how many it made.
func (w *world) applyUntil(k int, spec model.ClusterSpec, secrets *model.Secrets) int {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	var left atomic.Int64
	left.Store(int64(k))
	e := w.engine()
	e.Charts = packs.New(packs.Options{Cluster: func(kubeconfig []byte) (*rest.Config, error) {
		config, err := w.restConfig(kubeconfig)
		if err == nil {
			config.Transport = dying{RoundTripper: config.Transport, left: &left, die: cancel}
		}
		return config, err
	}})
	_, err := e.Apply(ctx, engine.Request{Spec: spec, Secrets: secrets})
	if ctx.Err() == nil {
		w.must(err)
	}
	return k - int(max(left.Load(), 0))
}

// checkRelease fails unless the release is whole: of one revision that is deployed, after
// which nothing is pending, and nothing is left to do.
func (w *world) checkRelease(spec model.ClusterSpec, secrets *model.Secrets, text string) {
	w.t.Helper()
	revisions := w.revisions(secrets, "app")
	deployed := 0
	for _, r := range revisions {
		if strings.HasSuffix(r, " deployed") {
			deployed++
		}
	}
	pending := slices.ContainsFunc(revisions, func(r string) bool { return strings.Contains(r, "pending") })
	if deployed != 1 || pending {
		w.t.Errorf("revisions %v", revisions)
	}
	if m := w.configMap(secrets); m == nil || m.Data["text"] != text {
		w.t.Errorf("ConfigMap %v", m)
	}
	w.expectPlan(spec, secrets)
}

// TestInterruptedChart kills a run at one of the calls that Helm makes to install a chart,
// and another one at one of those of an upgrade: the next run ends in the same place.
func TestInterruptedChart(t *testing.T) {
	t.Parallel()
	const never = 1 << 30
	begin := func(t *testing.T) (*world, model.ClusterSpec, *model.Secrets, string) {
		w := newWorld(t, simulator.Options{})
		spec := w.spec(1, 1)
		spec.Packs = []model.Pack{network}
		spec, secrets, _ := w.applied(spec)
		return w, spec, secrets, testchart.Folder(t, testchart.Files("1.0.0"))
	}
	sweep.Sweep[string]{
		Every: 10,
		Calls: func(t *testing.T) (first, last int) {
			w, spec, secrets, folder := begin(t)
			for _, text := range []string{"one", "two"} {
				spec.Packs = []model.Pack{network, chartPack(folder, "text: "+text)}
				last = max(last, w.applyUntil(never, spec, secrets))
			}
			return 1, last
		},
		Test: func(t *testing.T, call int, _ string) {
			w, spec, secrets, folder := begin(t)
			for _, text := range []string{"one", "two"} {
				spec.Packs = []model.Pack{network, chartPack(folder, "text: "+text)}
				w.applyUntil(call-1, spec, secrets)
				w.change(spec, secrets)
				w.checkRelease(spec, secrets, text)
			}
		},
	}.Run(t)
}

// TestReleaseThatADeadRunLeftPending has runs that die while they wait for a version whose
// pods do not start: the first installation is uninstalled and made anew, an upgrade rolled
// back, and Helm's own words against a pending release are never heard.
func TestReleaseThatADeadRunLeftPending(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.spec(1, 1)
	spec.Packs = []model.Pack{network}
	spec, secrets, _ := w.applied(spec)
	folder := testchart.Folder(t, testchart.Files("1.0.0"))

	w.dieWhile("1 pending-install", spec, secrets, chartPack(folder, "missing: nowhere"))
	spec.Packs = []model.Pack{network, chartPack(folder, "text: one")}
	w.change(spec, secrets)
	if got := w.revisions(secrets, "app"); !slices.Equal(got, []string{"1 deployed"}) {
		t.Errorf("after the installation: %v", got)
	}

	w.dieWhile("2 pending-upgrade", spec, secrets, chartPack(folder, "missing: nowhere"))
	spec.Packs = []model.Pack{network, chartPack(folder, "text: two")}
	w.change(spec, secrets)
	want := []string{"1 superseded", "2 failed", "3 superseded", "4 deployed"}
	if got := w.revisions(secrets, "app"); !slices.Equal(got, want) {
		t.Errorf("after the upgrade: %v", got)
	}
	w.checkRelease(spec, secrets, "two")
}

// dieWhile applies a pack by a run that ends as soon as its release is in a state.
func (w *world) dieWhile(state string, spec model.ClusterSpec, secrets *model.Secrets, pack model.Pack) {
	w.t.Helper()
	pack.Chart.Timeout = time.Minute
	spec.Packs = []model.Pack{network, pack}
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	ended := make(chan error, 1)
	e := w.engine()
	go func() {
		_, err := e.Apply(ctx, engine.Request{Spec: spec, Secrets: secrets})
		ended <- err
	}()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !slices.Contains(w.revisions(secrets, "app"), state) {
		select {
		case err := <-ended:
			w.t.Fatalf("it ended before: %v", err)
		case <-tick.C:
		}
	}
	cancel()
	if err := <-ended; err == nil {
		w.t.Error("the run ended well")
	}
	if got := w.revisions(secrets, "app"); !slices.Contains(got, state) {
		w.t.Errorf("it has left %v", got)
	}
}
