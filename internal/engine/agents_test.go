package engine_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/gantry/terraform-provider-gantry/internal/agent"
	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// client is a client of the API of what the secrets are of.
func (w *world) client(secrets *model.Secrets) kubernetes.Interface {
	w.t.Helper()
	config, err := clientcmd.RESTConfigFromKubeConfig(secrets.Kubeconfig)
	w.must(err)
	proxy, err := url.Parse(w.sim.ProxyURL())
	w.must(err)
	config.Proxy = http.ProxyURL(proxy)
	client, err := kubernetes.NewForConfig(config)
	w.must(err)
	return client
}

// withAgents is a gateway of n nodes, with an agent on each.
func (w *world) withAgents(n int) model.ClusterSpec {
	w.t.Helper()
	spec := w.gateway("dc1", "10.10.184.1", "10.10.184.20")
	spec.ControlPlane.Count = n
	spec.ControlPlane.DrainTimeout = 30 * time.Second
	cni, err := agent.Network(spec.PodCIDR, func(image string) string { return image })
	w.must(err)
	spec.Packs = []model.Pack{{Name: "cni", Layer: model.LayerCNI, Manifests: cni}, w.agents(spec, nil)}
	return spec
}

// agents is the pack of a gateway's agents, which may be changed.
func (w *world) agents(spec model.ClusterSpec, change func(*agent.Config)) model.Pack {
	w.t.Helper()
	config := agent.Config{
		Gateway: spec.Name, ID: spec.ID.String(), Replicas: int32(spec.ControlPlane.Count), Image: agent.DefaultImage,
		Endpoint: "https://app.terraform.io", Token: "token", PodCIDR: spec.PodCIDR, ServiceCIDR: spec.ServiceCIDR,
	}
	if change != nil {
		change(&config)
	}
	manifests, err := config.Manifests()
	w.must(err)
	return model.Pack{Name: "agent", Layer: "addon", Manifests: manifests, Await: &model.Deployment{
		Namespace: agent.Namespace, Name: agent.Deployment, Timeout: 30 * time.Second,
		Explain: func(ends []model.ContainerEnd) string {
			var ours []agent.End
			for _, end := range ends {
				ours = append(ours, agent.End{Waiting: end.Waiting, Message: end.Message, ExitCode: end.ExitCode, Log: end.Log})
			}
			return agent.Explain(ours, config.Secrets())
		},
	}}
}

// agentWitness looks at a gateway from outside: all the time, and whenever a VM of it is about
// to go and once it is off, when its endpoint has to answer.
type agentWitness struct {
	model.VCenter
	client kubernetes.Interface

	mu     sync.Mutex
	looks  int
	counts int
	fewest int
	wrong  []string
}

func (a *agentWitness) PowerOff(ctx context.Context, vm string) (string, error) {
	a.look(ctx, "before "+vm+" goes")
	return a.VCenter.PowerOff(ctx, vm)
}

func (a *agentWitness) Destroy(ctx context.Context, vm string) (string, error) {
	a.look(ctx, "once "+vm+" is off")
	return a.VCenter.Destroy(ctx, vm)
}

// look counts the agents that run, by the endpoint, which has to answer.
func (a *agentWitness) look(ctx context.Context, when string) {
	var err error
	for deadline := time.Now().Add(2 * time.Minute); ; { // the VIP may have gone with the node before
		err = a.count(ctx)
		if err == nil || time.Now().After(deadline) {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.looks++
	if err != nil {
		a.wrong = append(a.wrong, fmt.Sprintf("%s the endpoint does not answer: %v", when, err))
	}
}

// count takes down how many agents are Ready.
func (a *agentWitness) count(ctx context.Context) error {
	pods, err := a.client.CoreV1().Pods(agent.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	running := 0
	for _, pod := range pods.Items {
		for _, c := range pod.Status.Conditions {
			if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue && pod.DeletionTimestamp == nil {
				running++
			}
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.counts == 0 || running < a.fewest {
		a.fewest = running
	}
	a.counts++
	return nil
}

// watch counts the agents all the time, as far as the endpoint answers, until the returned
// function is called.
func (a *agentWitness) watch(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			_ = a.count(ctx)
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}

// TestGatewayOfThreeStaysWhileItIsUpgraded upgrades a gateway of three nodes, one after
// the other: its endpoint answers whenever a node goes, at least two agents run at any time,
// and in the end each node has one.
func TestGatewayOfThreeStaysWhileItIsUpgraded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.withAgents(3)
	spec.KubernetesVersion = "1.36.3"
	spec.Image.Template = "gantry-node-1.36.3"
	spec, secrets, first := w.applied(spec)

	spec = upgraded(spec)
	e := w.engine()
	seen := &agentWitness{VCenter: e.Builder, client: w.client(secrets)}
	e.Builder = seen
	stop := seen.watch(t.Context())
	out, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	stop()
	w.must(err)
	if out.Status.State != model.StateRunning || out.Status.Endpoint != first.Status.Endpoint {
		t.Errorf("it is %+v", out.Status)
	}
	if seen.looks != 6 || seen.fewest < 2 || len(seen.wrong) > 0 {
		t.Errorf("of %d looks and %d counts the fewest agents were %d, and wrong was %v", seen.looks, seen.counts, seen.fewest, seen.wrong)
	}
	pods, err := w.client(secrets).CoreV1().Pods(agent.Namespace).List(t.Context(), metav1.ListOptions{})
	w.must(err)
	on := map[string]int{}
	for _, pod := range pods.Items {
		on[pod.Spec.NodeName]++
	}
	for _, node := range out.Status.Nodes {
		if on[node.Name] != 1 || len(on) != 3 {
			t.Errorf("the agents run on %v", on)
		}
	}
}

// TestAgentsWaitForTheirNodes makes the agents anew while two of three nodes take no pods,
// as nodes do that have just joined: no two run on one node, where they would stay.
func TestAgentsWaitForTheirNodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	_, secrets, out := w.applied(w.withAgents(3))
	client := w.client(secrets)
	schedulable := func(takes bool) {
		patch := fmt.Appendf(nil, `{"spec":{"unschedulable":%v}}`, !takes)
		for _, node := range out.Status.Nodes[1:] {
			_, err := client.CoreV1().Nodes().Patch(t.Context(), node.Name, types.MergePatchType, patch, metav1.PatchOptions{})
			w.must(err)
		}
	}
	// placed are the agents that have a node, and all of them.
	placed := func() (on map[string]int, all int) {
		pods, err := client.CoreV1().Pods(agent.Namespace).List(t.Context(), metav1.ListOptions{})
		w.must(err)
		on = map[string]int{}
		for _, pod := range pods.Items {
			if pod.DeletionTimestamp == nil {
				all++
			}
			if pod.Spec.NodeName != "" {
				on[pod.Spec.NodeName]++
			}
		}
		return on, all
	}
	before, err := client.CoreV1().Pods(agent.Namespace).List(t.Context(), metav1.ListOptions{})
	w.must(err)

	schedulable(false)
	for _, pod := range before.Items {
		w.must(client.CoreV1().Pods(agent.Namespace).Delete(t.Context(), pod.Name, metav1.DeleteOptions{}))
	}
	first := out.Status.Nodes[0].Name
	w.until("one agent has a node", func(context.Context) bool {
		on, all := placed()
		return all == 3 && len(on) > 0 && on[first] > 0
	})
	schedulable(true)
	w.until("each agent has a node", func(context.Context) bool {
		on, _ := placed()
		return on[first]+on[out.Status.Nodes[1].Name]+on[out.Status.Nodes[2].Name] == 3
	})
	if on, _ := placed(); on[first] != 1 || len(on) != 3 {
		t.Errorf("the agents run on %v", on)
	}
}
