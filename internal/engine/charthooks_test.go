package engine_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/testing/testchart"
)

// hookLog is what is said of a hook that has failed.
var hookLog = []string{
	"Job apps/app-prepare is not ready (Failed: Job Failed. failed: 1/1, BackoffLimitExceeded)",
	"Its condition Failed is True: BackoffLimitExceeded: Job has reached the specified backoff limit",
	"Its last events: BackoffLimitExceeded", "The last lines of its log:\nno database",
}

func expectSaid(t *testing.T, err error, want ...string) {
	t.Helper()
	for _, text := range want {
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%q is not in %v", text, err)
		}
	}
}

// TestHookThatTakesItsTime has a chart whose Job before the rest takes a while: the release waits
// for it, and nothing else of the chart is there before it has completed.
func TestHookThatTakesItsTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	folder := testchart.Folder(t, testchart.Files("1.0.0"))
	spec := w.spec(1, 1)
	spec.Packs = []model.Pack{network}
	spec, secrets, _ := w.applied(spec)
	spec.Packs = []model.Pack{network, chartPack(folder, "hookScript: sleep 200")}
	begun := time.Now()
	e := w.engine()
	e.Timing.ReportEvery = 200 * time.Millisecond
	var waits sync.Map
	e.Report = func(_ context.Context, event model.Event) {
		if event.Status == model.EventWaiting && event.Step.Action == model.ActionInstallPack {
			waits.Store(event.Message, true)
		}
	}
	_, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	w.must(err)
	if _, told := waits.Load("Helm, which makes the release apps/app, runs its hooks and waits for its objects"); !told {
		t.Error("no event says what the release waits for")
	}
	if _, silent := waits.Load("it is at work"); silent {
		t.Error("an event says nothing of what the release waits for")
	}
	if took := time.Since(begun); took < 2*time.Second {
		t.Errorf("the release took %s, and its hook two seconds", took)
	}
	clients := w.clients(secrets)
	job, err := clients.BatchV1().Jobs("apps").Get(t.Context(), "app-prepare", metav1.GetOptions{})
	w.must(err)
	if m := w.configMap(secrets); m == nil || job.Status.Succeeded != 1 || m.CreationTimestamp.Before(job.Status.CompletionTime) {
		t.Errorf("the Job has %+v, and the rest is %v", job.Status, m)
	}
	if got := w.revisions(secrets, "app"); !slices.Equal(got, []string{"1 deployed"}) {
		t.Errorf("revisions %v", got)
	}
	w.expectPlan(spec, secrets)
}

// TestHookThatFails has the Job of an installation and of an upgrade fail: the apply fails at once
// with what the Job has said, the upgrade is rolled back, and one that works ends it.
func TestHookThatFails(t *testing.T) {
	t.Parallel()
	const failing = "hookScript: 'echo no database; exit 1'"
	w := newWorld(t, simulator.Options{})
	folder := testchart.Folder(t, testchart.Files("1.0.0"))
	spec := w.spec(1, 1)
	spec.Packs = []model.Pack{network}
	spec, secrets, _ := w.applied(spec)
	spec.Packs = []model.Pack{network, chartPack(folder, "text: one", failing)}
	spec.Packs[1].Chart.Timeout = time.Hour
	out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	expectSaid(t, err, append(slices.Clone(hookLog), "The release stays as it is; the next apply resumes it.")...)
	expectPacks(t, out, model.StateDegraded, "NotApplied", "Not applied: app")
	if w.configMap(secrets) != nil {
		t.Error("the rest of the chart was installed")
	}
	w.expectPlan(spec, secrets, "install_pack app (demo 1.0.0)")

	spec.Packs[1] = chartPack(folder, "text: one")
	w.change(spec, secrets)
	w.expectPlan(spec, secrets)
	good := w.revisions(secrets, "app")

	spec.Packs[1] = chartPack(testchart.Folder(t, testchart.Files("1.1.0")), "text: two", failing)
	spec.Packs[1].Chart.Timeout = time.Hour
	out, err = w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	expectSaid(t, err, append(slices.Clone(hookLog), "The release is rolled back to revision", "of version 1.0.0 of the chart")...)
	expectPacks(t, out, model.StateDegraded, "NotApplied", "Not applied: app")
	if m := w.configMap(secrets); m == nil || m.Data["text"] != "one" || m.Data["version"] != "1.0.0" {
		t.Errorf("ConfigMap %v", m)
	}
	if now := w.revisions(secrets, "app"); len(now) != len(good)+2 || !strings.HasSuffix(now[len(now)-1], " deployed") {
		t.Errorf("revisions %v, and before %v", now, good)
	}

	spec.Packs[1] = chartPack(testchart.Folder(t, testchart.Files("1.1.0")), "text: two", "hookScript: sleep 10")
	w.expectPlan(spec, secrets, "upgrade_pack app (demo 1.1.0)")
	w.change(spec, secrets)
	if m := w.configMap(secrets); m == nil || m.Data["version"] != "1.1.0" {
		t.Errorf("ConfigMap %v", m)
	}
	w.expectPlan(spec, secrets)
}
