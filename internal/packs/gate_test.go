package packs_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"k8s.io/client-go/rest"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/packs"
	"github.com/gantry/terraform-provider-gantry/internal/testing/testchart"
)

// calls notes the requests that a cluster's API gets, which has nothing.
type calls struct {
	mu   sync.Mutex
	made []string
}

func (c *calls) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	c.made = append(c.made, r.Method+" "+r.URL.Path)
	c.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if strings.HasSuffix(r.URL.Path, "/secrets") {
		_, _ = w.Write([]byte(`{"kind": "SecretList", "apiVersion": "v1", "items": []}`))
		return
	}
	w.WriteHeader(http.StatusNotFound)
	_, _ = w.Write([]byte(`{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}`))
}

func (c *calls) changing() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []string
	for _, call := range c.made {
		if !strings.HasPrefix(call, http.MethodGet+" ") {
			list = append(list, call)
		}
	}
	return list
}

// TestNothingIsChangedWithoutTheLock has a check that fails: its error is what is returned,
// and no request that changes anything reaches the API.
func TestNothingIsChangedWithoutTheLock(t *testing.T) {
	t.Parallel()
	cluster := &calls{}
	server := httptest.NewServer(cluster)
	t.Cleanup(server.Close)
	charts := packs.New(packs.Options{Cluster: func([]byte) (*rest.Config, error) {
		return &rest.Config{Host: server.URL, Transport: http.DefaultTransport}, nil
	}})
	releases, err := charts.Connect(nil, uuid.New())
	if err != nil {
		t.Fatal(err)
	}
	chart := model.Chart{Path: testchart.Folder(t, testchart.Files("1.0.0")), Namespace: "apps", Timeout: time.Second}
	chart.Resolved = charts.Resolve(t.Context(), chart, kubernetesVersion)
	lost := errors.New("the lock is lost")
	_, err = releases.Apply(t.Context(), "app", chart, func(context.Context) error { return lost })
	if !errors.Is(err, lost) || len(cluster.changing()) > 0 {
		t.Errorf("got %v, after %v", err, cluster.changing())
	}

	// A release that is gone is uninstalled without a change, and so without the lock.
	gone := model.Release{Namespace: "apps", Name: "app"}
	if err := releases.Uninstall(t.Context(), gone, func(context.Context) error { return lost }); err != nil {
		t.Errorf("got %v", err)
	}
}

// TestAnAPIThatFailsIsNotTakenForOneWithoutReleases has an API that refuses to list them.
func TestAnAPIThatFailsIsNotTakenForOneWithoutReleases(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/version" {
			_, _ = w.Write([]byte(`{"major": "1", "minor": "37", "gitVersion": "v1.37.2"}`))
			return
		}
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden", "message": "no", "code": 403}`))
	}))
	t.Cleanup(server.Close)
	charts := packs.New(packs.Options{Cluster: func([]byte) (*rest.Config, error) {
		return &rest.Config{Host: server.URL, Transport: http.DefaultTransport}, nil
	}})
	releases, err := charts.Connect(nil, uuid.New())
	if err != nil {
		t.Fatal(err)
	}
	allowed := func(context.Context) error { return nil }
	if err := releases.Uninstall(t.Context(), model.Release{Namespace: "apps", Name: "app"}, allowed); err == nil {
		t.Error("an uninstallation of what cannot be listed is a success")
	}
}

// TestAChartThatChangedSinceThePlanIsNotInstalled changes a file of a folder.
func TestAChartThatChangedSinceThePlanIsNotInstalled(t *testing.T) {
	t.Parallel()
	charts := packs.New(packs.Options{Cluster: func([]byte) (*rest.Config, error) {
		return &rest.Config{Host: "http://127.0.0.1:1", Transport: http.DefaultTransport}, nil
	}})
	files := testchart.Files("1.0.0")
	chart := model.Chart{Path: testchart.Folder(t, files), Namespace: "apps"}
	chart.Resolved = charts.Resolve(t.Context(), chart, kubernetesVersion)
	files["values.yaml"] += "more: 1\n"
	chart.Path = testchart.Folder(t, files)
	releases, err := charts.Connect(nil, uuid.New())
	if err != nil {
		t.Fatal(err)
	}
	_, err = releases.Apply(t.Context(), "app", chart, func(context.Context) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "has changed since the plan") {
		t.Errorf("got %v", err)
	}
}
