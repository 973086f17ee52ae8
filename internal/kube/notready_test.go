package kube_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeapi"
)

// workload is a Deployment, DaemonSet or StatefulSet, or a Job, whose pods are on the host's network,
// so that they need no other one.
func workload(kind, name, spec, container string) string {
	group := "apps/v1"
	restart := "Always"
	parts := []string{spec, "selector: {matchLabels: {app: " + name + "}}"}
	if kind == "Job" {
		group = "batch/v1"
		restart = "Never"
		parts = parts[:1]
	}
	parts = append(parts, fmt.Sprintf("template: {metadata: {labels: {app: %s}}, spec: {hostNetwork: true, "+
		"tolerations: [{operator: Exists}], restartPolicy: %s, containers: [{name: c, image: i%s}]}}", name, restart, container))
	parts = slices.DeleteFunc(parts, func(part string) bool { return part == "" })
	return fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata: {namespace: default, name: %s}\nspec: {%s}\n",
		group, kind, name, strings.Join(parts, ", "))
}

func command(words ...string) string { return `, command: ["` + strings.Join(words, `", "`) + `"]` }

const (
	lateClass = "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: late, annotations: " +
		"{storageclass.kubernetes.io/is-default-class: 'true'}}\nprovisioner: x\nvolumeBindingMode: WaitForFirstConsumer\n"
	lateClaim    = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {namespace: default, name: data}\n"
	missingClaim = lateClaim + "spec: {storageClassName: nowhere}\n"
	bootClaim    = lateClaim + "spec: {storageClassName: late}\n"
	crash        = "echo no database; exit 3"
	never        = "readinessProbe: {exec: {command: ['false']}}"
)

// TestWhatBecomesReady applies workloads to a cluster and has those left that do not become ready.
func TestWhatBecomesReady(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		manifests []string
		never     string // why it is never ready; empty: it is, in the end
		failed    bool
		explained string
	}{
		"Deployment":  {manifests: []string{workload("Deployment", "web", "replicas: 2", "")}},
		"DaemonSet":   {manifests: []string{workload("DaemonSet", "web", "", "")}},
		"StatefulSet": {manifests: []string{workload("StatefulSet", "web", "", "")}},
		"slow Job":    {manifests: []string{workload("Job", "web", "", command("sleep", "30"))}},
		"Job that is deleted when it is done": {
			manifests: []string{workload("Job", "web", "ttlSecondsAfterFinished: 0", command("sleep", "5"))},
		},
		"paused and suspended": {manifests: []string{
			workload("Deployment", "web", "paused: true", ""), workload("Job", "web", "suspend: true", command("false")),
		}},
		"claim that waits for a pod":   {manifests: []string{lateClass, lateClaim}},
		"claim that names its class":   {manifests: []string{lateClass, bootClaim}},
		"claim that no class can bind": {manifests: []string{lateClass, missingClaim}, never: "PVC is not Bound"},
		"pods that crash": {
			manifests: []string{workload("Deployment", "web", "progressDeadlineSeconds: 10", command("sh", "-c", crash))},
			never:     "InProgress: its progress deadline of 10 s is over", explained: "The last lines of its log:\nno database",
		},
		"pods whose probe fails": {
			manifests: []string{workload("StatefulSet", "web", "", ", "+never)},
			never:     "InProgress: Ready: 0/1", explained: "StatefulSet default/web is not ready",
		},
		"Job that fails": {
			manifests: []string{workload("Job", "web", "backoffLimit: 1", command("sh", "-c", crash))},
			never:     "Failed: Job Failed. failed: 2/1, BackoffLimitExceeded", failed: true,
			explained: "Its condition Failed is True: BackoffLimitExceeded: Job has reached the specified backoff limit. " +
				"Its last events: BackoffLimitExceeded: Job has reached the specified backoff limit. Its pod",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cl := newCluster(t)
			m := manifests(c.manifests...)
			m.Objects = cl.own(t, m)
			m.Owner = shopOwner
			var left []model.NotReady
			eventually(t, func() error {
				var err error
				if left, err = cl.NotReady(t.Context(), m); err != nil {
					return err
				}
				switch {
				case c.never == "" && len(left) > 0:
					return fmt.Errorf("it is not ready: %+v", left)
				case c.never != "" && (len(left) != 1 || !strings.Contains(left[0].Why, c.never) || left[0].Failed != c.failed):
					return fmt.Errorf("left are %+v", left)
				}
				return nil
			})
			if said := cl.Explain(t.Context(), left); !strings.Contains(said, c.explained) || c.never == "" && said != "" {
				t.Errorf("%q is not in %q", c.explained, said)
			}
		})
	}
}

// TestUpdatesLeftToUsers has workloads whose pods their users delete, and one whose pods are of two
// versions for as long as it takes.
func TestUpdatesLeftToUsers(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	apply := func(strategy, image string) model.PackManifests {
		m := manifests(
			workload("DaemonSet", "every", "updateStrategy: {type: "+strategy+"}", ", env: [{name: V, value: "+image+"}]"),
			workload("StatefulSet", "some", "replicas: 2, updateStrategy: {type: "+strategy+"}", ", env: [{name: V, value: "+image+"}]"))
		m.Objects = c.own(t, m)
		m.Owner = shopOwner
		return m
	}
	ready := func(m model.PackManifests) {
		t.Helper()
		eventually(t, func() error {
			left, err := c.NotReady(t.Context(), m)
			if err == nil && len(left) > 0 {
				err = fmt.Errorf("not ready: %+v", left)
			}
			return err
		})
	}
	ready(apply("OnDelete", "one"))
	second := apply("OnDelete", "two")
	ready(second)
	pods, _ := c.store.List(kubeapi.Pods, "default")
	if len(pods) != 4 {
		t.Errorf("there are %d pods", len(pods))
	}
	if set, err := c.store.Get(kubeapi.DaemonSets, "default", "every"); err != nil || fmt.Sprint(set.Object["status"]) == "" ||
		!strings.Contains(fmt.Sprint(set.Object["status"]), "updatedNumberScheduled:0") {
		t.Errorf("its pods were made anew: %v, %v", set, err)
	}
	ready(apply("RollingUpdate", "two"))
}

// TestWaitingMakesFewCalls counts what one look at a pack of many objects takes: a list a kind, of
// those whose objects can be not ready.
func TestWaitingMakesFewCalls(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	var texts []string
	for i := range 12 {
		name := fmt.Sprintf("x%d", i)
		texts = append(texts, workload("Deployment", name, "", ""), workload("Job", name, "", ""),
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {namespace: default, name: "+name+"}\n",
			"apiVersion: v1\nkind: ServiceAccount\nmetadata: {namespace: default, name: "+name+"}\n")
	}
	m := manifests(texts...)
	m.Objects = c.own(t, m)
	m.Owner = shopOwner
	var mu sync.Mutex
	var calls []string
	count := func(r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		calls = append(calls, r.Method+" "+r.URL.Path)
	}
	c.before.Store(&count)
	for range 3 {
		if _, err := c.NotReady(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	want := []string{"GET /apis/apps/v1/deployments", "GET /apis/batch/v1/jobs"}
	if !slices.Equal(calls, slices.Concat(want, want, want)) {
		t.Errorf("three looks have made the calls %q", calls)
	}
}

// TestWhatIsMissingIsNotReady has an object deleted that a pack has, and a kind that may not be read.
func TestWhatIsMissingIsNotReady(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	m := manifests(workload("Deployment", "web", "", ""))
	m.Objects = c.own(t, m)
	m.Owner = shopOwner
	c.remove(t, m.Objects[0].ObjectRef)
	left, err := c.NotReady(t.Context(), m)
	if err != nil || len(left) != 1 || left[0].Why != "it is missing" || left[0].String() != "Deployment default/web" {
		t.Errorf("left are %+v, %v", left, err)
	}
	refuse := func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/deployments") {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403,"message":"no"}`))
		return true
	}
	c.instead.Store(&refuse)
	if _, err := c.NotReady(t.Context(), m); !errors.Is(err, model.ErrPermission) {
		t.Errorf("got %v", err)
	}
}
