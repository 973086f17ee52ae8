package kubeapi

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// Kubelet is a node agent that runs.
type Kubelet struct {
	Address    string
	StaticPods []*corev1.Pod
	// Failing are those of them that do not run, by name, and why.
	Failing map[string]string
	// PodsAt is when those that run can be Ready.
	PodsAt time.Time
	// Problems are conditions of its node, and their messages; one without a message has
	// passed.
	Problems map[string]string
	// Pull pulls an image that its machine does not have yet; nil: there is no registry to ask.
	Pull func(image string) error
}

// Environment is what the controllers know of the world outside the API.
type Environment struct {
	// Kubelets are those that run, by node name.
	Kubelets func() map[string]Kubelet
	CA       []byte // PEM
	Machines Machines
	// PodCIDRs are handed to the nodes in order.
	PodCIDRs []string
	// Changed wakes the controllers when a kubelet came or went.
	Changed <-chan struct{}
}

// Run reconciles until ctx ends: once a change, never more than a fifth of the
// time.
func (s *Server) Run(ctx context.Context, env Environment) {
	known := newReadiness()
	for {
		changed := s.store.Changed()
		started := time.Now()
		p := &pass{Store: s.store, env: env, readiness: known}
		if s.healthy() == nil {
			p.run()
		}
		rest := time.NewTimer(max(5*time.Millisecond, 4*time.Since(started)))
		select {
		case <-rest.C:
		case <-ctx.Done():
			rest.Stop()
			return
		}
		select {
		case <-changed:
		case <-env.Changed:
		case <-p.due():
		case <-ctx.Done():
			return
		}
	}
}

// due fires when the passing of time alone needs another pass; never where it does not.
func (p *pass) due() <-chan time.Time {
	if p.again.IsZero() {
		return nil
	}
	return time.After(time.Until(p.again))
}

// pass is one round of all controllers over what the store has now.
type pass struct {
	*Store
	env       Environment
	readiness *readiness
	again     time.Time // zero: only after a change
	kubelets  map[string]Kubelet
	nodes     []*Object
	pods      map[string][]*Object // by node
	pending   []*Object
	networks  map[string]bool // nodes where a CNI pod stands
}

func (p *pass) run() {
	p.kubelets = p.env.Kubelets()
	p.collectGarbage()
	p.namespaceDefaults()
	p.establish()
	p.signClusterInfo()
	p.refresh()
	p.runWorkloads()
	p.refresh()
	p.schedule()
	p.refresh()
	p.bindClaims()
	p.runKubelets()
	p.runNodes()
	p.runCloudController()
	p.workloadStatus()
}

// refresh reads nodes and pods again after a controller changed them.
func (p *pass) refresh() {
	p.nodes, _ = p.List(Nodes, "")
	p.pods = map[string][]*Object{}
	p.pending = nil
	p.networks = map[string]bool{}
	all, _ := p.List(Pods, "")
	p.readiness.observe(all)
	for _, pod := range all {
		node := textAt(pod, "spec", "nodeName")
		if node == "" {
			p.pending = append(p.pending, pod)
			continue
		}
		p.pods[node] = append(p.pods[node], pod)
		if providesNetwork(pod) && p.kubelets[node].pull(pod) == nil {
			p.networks[node] = true
		}
	}
}

// providesNetwork reports whether a pod is a CNI's agent: a DaemonSet's pod on
// the host network, but kube-proxy and the cloud provider.
func providesNetwork(pod *Object) bool {
	hostNetwork, _ := at(pod, "spec", "hostNetwork").(bool)
	if !hostNetwork || pod.GetLabels()["k8s-app"] == "kube-proxy" || isCloudController(pod) {
		return false
	}
	owner := metav1.GetControllerOf(pod)
	return owner != nil && owner.Kind == "DaemonSet"
}

// collectGarbage removes what is in a namespace that is gone, and what an
// owner that is gone controlled.
func (p *pass) collectGarbage() {
	namespaces, _ := p.List(Namespaces, "")
	exists := map[string]bool{"": true}
	for _, ns := range namespaces {
		exists[ns.GetName()] = true
	}
	type victim struct {
		r schema.GroupResource
		o *Object
	}
	var victims []victim
	p.mu.Lock()
	owners := map[types.UID]bool{}
	for _, objects := range p.objects {
		for _, o := range objects {
			owners[o.GetUID()] = true
		}
	}
	for r, objects := range p.objects {
		for _, o := range objects {
			owner := metav1.GetControllerOf(o)
			if !exists[o.GetNamespace()] || (owner != nil && !owners[owner.UID]) {
				victims = append(victims, victim{r, o})
			}
		}
	}
	for _, v := range victims {
		p.remove(v.r, v.o)
	}
	p.mu.Unlock()
}

func (p *pass) namespaceDefaults() {
	namespaces, _ := p.List(Namespaces, "")
	for _, ns := range namespaces {
		if _, err := p.Get(ServiceAccounts, ns.GetName(), "default"); err != nil {
			p.Put(&corev1.ServiceAccount{
				TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"},
				ObjectMeta: metav1.ObjectMeta{Namespace: ns.GetName(), Name: "default"},
			}, ServiceAccounts)
			p.Put(&corev1.ConfigMap{
				TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
				ObjectMeta: metav1.ObjectMeta{Namespace: ns.GetName(), Name: "kube-root-ca.crt"},
				Data:       map[string]string{"ca.crt": string(p.env.CA)},
			}, ConfigMaps)
		}
	}
}

// Put creates a typed object, or replaces the one of that name. It is the door
// for components that run beside the API, and for kubeadm's phases.
func (s *Store) Put(typed any, r schema.GroupResource) *Object {
	o := mustObject(typed)
	if created, err := s.Create(r, o); err == nil {
		return created
	}
	changed, err := s.Change(r, o.GetNamespace(), o.GetName(), func(old *Object) error {
		old.Object = o.Object
		return nil
	})
	if err != nil {
		return o
	}
	return changed
}

// cleanup is the finalizer that a definition gets when it is deleted, by which it stays until the
// resources of its kind are gone.
const cleanup = "customresourcecleanup.apiextensions.k8s.io"

// establish accepts custom resource definitions.
func (p *pass) establish() {
	definitions, _ := p.List(CustomResources, "")
	for _, d := range definitions {
		if d.GetDeletionTimestamp() != nil {
			p.finish(d)
			continue
		}
		_, _ = p.Change(CustomResources, "", d.GetName(), func(o *Object) error {
			p.setCondition(o, "NamesAccepted", "True", "NoConflicts", "no conflicts found")
			p.setCondition(o, "Established", "True", "InitialNamesAccepted", "the initial names have been accepted")
			set(o, at(o, "spec", "names"), "status", "acceptedNames")
			return nil
		})
	}
}

// finish deletes the resources of a definition that is being deleted, and lets it go after
// them.
func (p *pass) finish(definition *Object) {
	group, plural := textAt(definition, "spec", "group"), textAt(definition, "spec", "names", "plural")
	r := schema.GroupResource{Group: group, Resource: plural}
	resources, _ := p.List(r, "")
	for _, o := range resources {
		p.drop(r, o)
	}
	if left, _ := p.List(r, ""); len(left) > 0 {
		return
	}
	_, _ = p.Change(CustomResources, "", definition.GetName(), func(o *Object) error {
		o.SetFinalizers(slices.DeleteFunc(o.GetFinalizers(), func(f string) bool { return f == cleanup }))
		return nil
	})
}

// signClusterInfo keeps the ConfigMap that discovery reads, with a signature
// for each token that may sign.
func (p *pass) signClusterInfo() {
	info, err := p.Get(ConfigMaps, "kube-public", "cluster-info")
	if err != nil {
		return
	}
	kubeconfig := textAt(info, "data", "kubeconfig")
	data := map[string]any{"kubeconfig": kubeconfig}
	for _, t := range p.tokens() {
		if t.Signing {
			data[JWSPrefix+t.ID] = Sign(kubeconfig, t.ID, t.Secret)
		}
	}
	if !same(at(info, "data"), data) {
		_, _ = p.Change(ConfigMaps, "kube-public", "cluster-info", func(o *Object) error {
			o.Object["data"] = data
			return nil
		})
	}
}

// ClusterInfo returns the kubeconfig that discovery publishes.
func ClusterInfo(endpoint string, ca []byte) string {
	return fmt.Sprintf(`apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: %s
    server: %s
  name: ""
contexts: null
current-context: ""
kind: Config
preferences: {}
users: null
`, base64.StdEncoding.EncodeToString(ca), endpoint)
}
