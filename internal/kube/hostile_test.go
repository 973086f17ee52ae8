package kube_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/kube"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeapi"
)

// TestRedirectionIsNotFollowed has an API server send the client elsewhere: it is the
// cluster's administrators', and this machine may reach what they do not.
func TestRedirectionIsNotFollowed(t *testing.T) {
	t.Parallel()
	var reached atomic.Int32
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	t.Cleanup(inside.Close)
	s := newServer(t)
	s.Config.Handler = http.RedirectHandler(inside.URL+"/latest/meta-data", http.StatusTemporaryRedirect)
	api := connect(t, kube.Options{}, s.kubeconfig(s.URL))
	err := api.Ready(t.Context())
	if err == nil || model.Transient(err) || !strings.Contains(err.Error(), "redirects") {
		t.Errorf("want a permanent error, got %v", err)
	}
	if _, err := api.Nodes(t.Context()); err == nil {
		t.Error("the answer of another server was taken for the nodes")
	}
	if reached.Load() > 0 {
		t.Error("the client went where it was sent")
	}
}

// TestEndlessAnswer has an API server that answers for ever.
func TestEndlessAnswer(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		chunk := []byte(strings.Repeat(" ", 1<<20))
		for {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	if _, err := connect(t, kube.Options{MaxResponse: 4 << 20}, s.kubeconfig(s.URL)).Nodes(t.Context()); err == nil ||
		!strings.Contains(err.Error(), "larger than") {
		t.Errorf("got %v", err)
	}
}

// TestWhatAServerSaysIsShownAsText has terminal sequences in an error and in what
// nodes say about themselves.
func TestWhatAServerSaysIsShownAsText(t *testing.T) {
	t.Parallel()
	const evil = "\x1b]52;c;cm0=\x07\x1b[2Jall is well\u202e\r\n"
	s := newServer(t)
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path != "/api/v1/nodes" {
			w.WriteHeader(http.StatusForbidden)
			message, _ := json.Marshal(strings.Repeat(evil, 10_000))
			_, _ = fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","code":403,"reason":"Forbidden","message":%s}`, message)
			return
		}
		list := corev1.NodeList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "NodeList"}}
		for _, name := range []string{"prod-cp-1", evil, "../../../etc", ""} {
			list.Items = append(list.Items, corev1.Node{
				ObjectMeta: metav1.ObjectMeta{Name: name},
				Spec:       corev1.NodeSpec{ProviderID: evil},
				Status: corev1.NodeStatus{
					NodeInfo:   corev1.NodeSystemInfo{KubeletVersion: evil},
					Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Reason: evil, Message: strings.Repeat(evil, 1000)}},
				},
			})
		}
		_ = json.NewEncoder(w).Encode(list)
	})
	api := connect(t, kube.Options{}, s.kubeconfig(s.URL))
	_, err := api.Secret(t.Context(), "gantry-pki")
	if err == nil || len(err.Error()) > 2000 {
		t.Fatalf("got %v", err)
	}
	nodes, listErr := api.Nodes(t.Context())
	if listErr != nil || len(nodes) != 1 {
		t.Fatalf("got %v, %v", nodes, listErr)
	}
	if len(nodes[0].Reason) > 300 || len(nodes[0].Version) > 100 {
		t.Errorf("got %d and %d bytes", len(nodes[0].Reason), len(nodes[0].Version))
	}
	for _, shown := range []string{err.Error(), nodes[0].Reason, nodes[0].Version, nodes[0].ProviderID} {
		if strings.ContainsAny(shown, "\x1b\x07\r\u202e") {
			t.Errorf("shown as it came: %q", shown)
		}
	}
}

// TestAdminsBinding takes the binding of administrators away and has it put back;
// one that was emptied stays so.
func TestAdminsBinding(t *testing.T) {
	t.Parallel()
	c := newUnboundCluster(t)
	bound := func(api model.API, want bool) {
		t.Helper()
		if got, err := api.AdminsBound(t.Context()); err != nil || got != want {
			t.Errorf("bound: %t, %v", got, err)
		}
	}
	bound(c.API, false)
	if _, err := c.Nodes(t.Context()); err == nil {
		t.Fatal("administrators have rights without a binding")
	}
	masters := c.masters(t)
	for range 2 {
		if err := masters.BindAdmins(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	bound(c.API, true)
	c.store.Put(&rbacv1.ClusterRoleBinding{
		TypeMeta:   metav1.TypeMeta{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "ClusterRoleBinding"},
		ObjectMeta: metav1.ObjectMeta{Name: pki.AdminGroup},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
	}, kubeapi.ClusterRoleBindings)
	bound(masters, false)
	if err := masters.BindAdmins(t.Context()); err == nil || !strings.Contains(err.Error(), pki.AdminGroup) {
		t.Errorf("rights that were taken away were given back: %v", err)
	}
	bound(masters, false)
}
