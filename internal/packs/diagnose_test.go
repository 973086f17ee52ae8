package packs_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/gantry/terraform-provider-gantry/internal/packs"
)

// failing are the answers of an API with a Deployment of which a pod crashes, by path.
var failing = map[string]string{
	"/api":  `{"kind": "APIVersions", "versions": ["v1"]}`,
	"/apis": `{"kind": "APIGroupList", "groups": [{"name": "apps", "versions": [{"groupVersion": "apps/v1", "version": "v1"}]}]}`,
	"/api/v1": `{"kind": "APIResourceList", "groupVersion": "v1", "resources": [
		{"name": "configmaps", "kind": "ConfigMap", "namespaced": true, "verbs": ["get"]}]}`,
	"/apis/apps/v1": `{"kind": "APIResourceList", "groupVersion": "apps/v1", "resources": [
		{"name": "deployments", "kind": "Deployment", "namespaced": true, "verbs": ["get"]}]}`,
	"/apis/apps/v1/namespaces/apps/deployments/web": `{"kind": "Deployment", "apiVersion": "apps/v1",
		"metadata": {"name": "web", "namespace": "apps", "generation": 1},
		"spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}},
		"status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "conditions": [
			{"type": "Available", "status": "False", "reason": "MinimumReplicasUnavailable", "message": "too few pods."}]}}`,
	"/api/v1/namespaces/apps/events?Deployment/web": `{"kind": "EventList", "items": [
		{"reason": "ScalingReplicaSet", "message": "the fourth", "lastTimestamp": "2026-01-01T00:00:04Z"},
		{"reason": "ScalingReplicaSet", "message": "the first", "lastTimestamp": "2026-01-01T00:00:01Z"},
		{"reason": "ScalingReplicaSet", "message": "the third", "lastTimestamp": "2026-01-01T00:00:03Z"},
		{"reason": "ScalingReplicaSet", "message": "the second", "lastTimestamp": "2026-01-01T00:00:02Z"}]}`,
	"/api/v1/namespaces/apps/events?Pod/web-1": `{"kind": "EventList", "items": [{"reason": "BackOff", "message": "restarting"}]}`,
	"/api/v1/namespaces/apps/pods": `{"kind": "PodList", "items": [
		{"metadata": {"name": "web-0", "namespace": "apps"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}},
		{"metadata": {"name": "web-1", "namespace": "apps"}, "spec": {"containers": [{"name": "side"}, {"name": "web"}]},
		 "status": {"phase": "Running", "containerStatuses": [
			{"name": "side", "state": {"running": {}}},
			{"name": "web", "restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}}}]}}]}`,
	"/api/v1/namespaces/apps/pods/web-1/log?web previous 5": "panic: no database\n\x1b[31mexit 2\n",
}

// TestWhatIsNotReadyIsExplained has the object, its condition, its last events, and of a pod what
// its container waits for and has printed before it ended. What is ready is not told.
func TestWhatIsNotReadyIsExplained(t *testing.T) {
	t.Parallel()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		key := r.URL.Path
		switch {
		case strings.HasSuffix(key, "/events"):
			kind, name, _ := strings.Cut(strings.TrimPrefix(query.Get("fieldSelector"), "involvedObject.kind="), ",involvedObject.name=")
			key += "?" + kind + "/" + name
		case strings.HasSuffix(key, "/log") && query.Get("previous") == "true":
			key += "?" + query.Get("container") + " previous " + query.Get("tailLines")
		}
		answer, known := failing[key]
		if !known {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(api.Close)
	const manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ready}\n---\n" +
		"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n"
	got := packs.Diagnose(t.Context(), &rest.Config{Host: api.URL}, "apps", manifest)
	for _, want := range []string{
		"Deployment apps/web is not ready (InProgress: ",
		"Its condition Available is False: MinimumReplicasUnavailable: too few pods.",
		"Its last events: ScalingReplicaSet: the second; ScalingReplicaSet: the third; ScalingReplicaSet: the fourth.",
		"Its pod web-1 is Running: web waits: CrashLoopBackOff: back-off 40s; BackOff: restarting.",
		"The last lines of its log:\npanic: no database\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	for _, not := range []string{"ConfigMap", "web-0", "the first", "\x1b"} {
		if strings.Contains(got, not) {
			t.Errorf("%q is in\n%s", not, got)
		}
	}
}
