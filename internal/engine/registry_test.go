package engine_test

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// addonImages are those of kube-proxy and CoreDNS.
func (w *world) addonImages(secrets *model.Secrets) string {
	w.t.Helper()
	apps := w.client(secrets).AppsV1()
	proxy, err := apps.DaemonSets("kube-system").Get(w.t.Context(), "kube-proxy", metav1.GetOptions{})
	w.must(err)
	dns, err := apps.Deployments("kube-system").Get(w.t.Context(), "coredns", metav1.GetOptions{})
	w.must(err)
	return proxy.Spec.Template.Spec.Containers[0].Image + " " + dns.Spec.Template.Spec.Containers[0].Image
}

// TestRegistriesOfARunningCluster adds mirrors and an image repository, and takes them out: nodes,
// add-ons and what joining nodes read follow.
func TestRegistriesOfARunningCluster(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	plain, secrets, _ := w.applied(w.withNetwork(1, 1))
	published := w.addonImages(secrets)
	spec := plain
	spec.Registry = bootstrap.Registry{
		Mirrors:       map[string][]string{"docker.io": {"https://m.example.com/v2/hub", "http://10.0.0.9:5000"}},
		CACertificate: string(secrets.Authorities.CA.Cert),
		Repository:    "r.example.com/k8s",
	}
	// What takes the repository's images before the nodes are replaced runs on nodes that do not
	// know the way to it.
	const advice = `without image_repository first and with the new repository's registry as its own mirror`
	if p := w.plan(spec, secrets); p.Err() == nil || !strings.Contains(p.Err().Error(), advice) {
		t.Errorf("all at once: %v", p.Err())
	}
	spec.Registry.Mirrors["r.example.com"] = []string{"https://r.example.com"}
	way := spec
	way.Registry.Repository = ""
	w.apply(way, secrets)
	w.apply(spec, secrets)
	w.hasSettings(spec, secrets)
	got := w.addonImages(secrets)
	if !strings.HasPrefix(got, "r.example.com/k8s/kube-proxy:v") || !strings.Contains(got, " r.example.com/k8s/coredns:v") {
		t.Errorf("the add-ons are %s", got)
	}
	w.apply(plain, secrets)
	w.hasSettings(plain, secrets)
	if got := w.addonImages(secrets); got != published {
		t.Errorf("the add-ons are %s, and were %s", got, published)
	}
}

// TestRegistriesOfANewCluster are there from the first node on, and taken out all the same.
func TestRegistriesOfANewCluster(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.withNetwork(1, 0)
	spec.Registry.Repository = "r.example.com/k8s"
	spec, secrets, _ := w.applied(spec)
	if again := w.plan(spec, secrets); !again.Empty() || again.Err() != nil {
		t.Errorf("a second plan has the steps %v and the problems %v", actions(again), again.Problems)
	}
	if got := w.addonImages(secrets); !strings.Contains(got, "r.example.com/k8s/kube-proxy") {
		t.Errorf("the add-ons are %s", got)
	}
	spec.Registry.Repository = ""
	w.apply(spec, secrets)
	w.hasSettings(spec, secrets)
	if got := w.addonImages(secrets); !strings.Contains(got, "registry.k8s.io/coredns/coredns:") || strings.Contains(got, "r.example.com") {
		t.Errorf("the add-ons are %s", got)
	}
}
