package kube_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/kube"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/etcd"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeadm"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeapi"
)

// etcdCluster is an API whose control-plane nodes run etcd.
type etcdCluster struct {
	model.API
	t           *testing.T
	authorities *pki.Authorities
	url         string
	store       *kubeapi.Store
	etcd        *etcd.Cluster
	upgrades    upgrades

	mu      sync.Mutex
	disks   map[string]*etcd.Disk
	members map[string]*etcd.Member
	failing map[string]string // static pods of cp-1
}

func newEtcdCluster(t *testing.T, nodes ...string) *etcdCluster {
	t.Helper()
	authorities, err := pki.NewAuthorities(rand.Reader, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	c := &etcdCluster{
		t:           t,
		authorities: authorities,
		store:       kubeapi.NewStore(time.Now),
		etcd:        etcd.NewCluster(),
		disks:       map[string]*etcd.Disk{},
		members:     map[string]*etcd.Member{},
	}
	t.Cleanup(c.stop)
	c.serve(nodes)
	for i, name := range nodes {
		c.join(name, i > 0)
	}
	c.API = c.connect(kube.Options{Timeout: 20 * time.Second})
	c.eventually("the pods of etcd run", func() bool {
		pods, err := c.ControlPlanePods(t.Context())
		ready := 0
		for _, p := range pods {
			if p.Ready {
				ready++
			}
		}
		return err == nil && ready == 4*len(nodes)
	})
	return c
}

func (c *etcdCluster) connect(o kube.Options) model.API {
	c.t.Helper()
	kubeconfig, err := c.authorities.SuperAdminKubeconfig(rand.Reader, "prod", c.url, time.Now())
	if err != nil {
		c.t.Fatal(err)
	}
	api, err := kube.New(o).Connect(kubeconfig, c.authorities.Etcd)
	if err != nil {
		c.t.Fatal(err)
	}
	return api
}

// serve starts an API with a control-plane node of each name.
func (c *etcdCluster) serve(nodes []string) {
	c.t.Helper()
	kubelets := map[string]kubeapi.Kubelet{}
	for _, name := range nodes {
		var static []*corev1.Pod
		for _, component := range model.ControlPlaneComponents() {
			static = append(static, &corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{
					Name: component, Namespace: "kube-system",
					Labels: map[string]string{"component": component, "tier": "control-plane"},
				},
				Spec: corev1.PodSpec{HostNetwork: true, Containers: []corev1.Container{{Name: component}}},
			})
		}
		kubelets[name] = kubeapi.Kubelet{Address: "10.0.0.1", StaticPods: static}
		n := node(name, corev1.ConditionFalse)
		n.ResourceVersion = ""
		n.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Node"}
		c.store.Put(n, kubeapi.Nodes)
	}
	c.store.Put(&corev1.Namespace{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
		ObjectMeta: metav1.ObjectMeta{Name: "kube-system"},
	}, kubeapi.Namespaces)

	clientCAs := x509.NewCertPool()
	clientCAs.AppendCertsFromPEM(c.authorities.CA.Cert)
	api := kubeapi.NewServer(c.store, clientCAs, func() string { return "v1.34.2" }, func() error { return nil })
	api.Kubelet = c.kubelet
	server := httptest.NewUnstartedServer(c.upgrades.count(api))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{serving(c.t, c.authorities.CA)}, ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	c.url = server.URL
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	changed := make(chan struct{}, 1)
	go func() {
		defer close(done)
		api.Run(ctx, kubeapi.Environment{
			Kubelets: func() map[string]kubeapi.Kubelet { return c.failingOn(kubelets) },
			Changed:  changed,
		})
	}()
	c.t.Cleanup(func() { stop(); <-done; server.Close() })
}

func (c *etcdCluster) failingOn(kubelets map[string]kubeapi.Kubelet) map[string]kubeapi.Kubelet {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := map[string]kubeapi.Kubelet{}
	for name, k := range kubelets {
		if name == "cp-1" {
			k.Failing = c.failing
		}
		all[name] = k
	}
	return all
}

// kubelet leads to the member of a node.
func (c *etcdCluster) kubelet(name string) (kubeapi.Forward, error) {
	return func(ctx context.Context, pod string, port int32) (net.Conn, error) {
		c.mu.Lock()
		m := c.members[name]
		c.mu.Unlock()
		if m == nil || pod != "etcd-"+name || port != 2379 {
			return nil, errors.New("connect: connection refused")
		}
		return m.Dial(ctx)
	}, nil
}

// join starts the member of a node.
func (c *etcdCluster) join(name string, learner bool) {
	c.t.Helper()
	disk := c.disk(name)
	if learner {
		c.must(c.etcd.AddLearner(c.t.Context(), disk))
	}
	m, err := disk.Start()
	c.must(err)
	c.mu.Lock()
	c.members[name] = m
	c.mu.Unlock()
	c.must(m.WaitReady(c.t.Context()))
	if learner {
		c.eventually("the learner "+name+" is promoted", func() bool { return c.etcd.Promote(c.t.Context(), disk) == nil })
	}
}

func (c *etcdCluster) disk(name string) *etcd.Disk {
	c.t.Helper()
	authority, err := kubeadm.ParseAuthority(c.authorities.Etcd.Cert, c.authorities.Etcd.Key)
	c.must(err)
	address := netip.AddrFrom4([4]byte{10, 0, 0, byte(len(c.disks) + 1)})
	disk, err := c.etcd.Disk(etcd.Authority(*authority), name, address, time.Now())
	c.must(err)
	c.disks[name] = disk
	return disk
}

// cut takes the power from a node.
func (c *etcdCluster) cut(name string) {
	c.mu.Lock()
	m := c.members[name]
	delete(c.members, name)
	c.mu.Unlock()
	m.Cut()
	m.Release()
}

func (c *etcdCluster) member(name string) *etcd.Member {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.members[name]
}

func (c *etcdCluster) stop() {
	for name := range c.members {
		c.cut(name)
	}
	c.etcd.Close()
}

func (c *etcdCluster) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// agree asks members for what they have to agree on, again as the engine does where the answer
// may be another one a moment later: raft gives a transfer of the leader up after an election's
// time, and etcd then waits for it until the call's time is over.
func (c *etcdCluster) agree(ask func() error) {
	c.t.Helper()
	eventually(c.t, func() error {
		err := ask()
		if err != nil && !model.Transient(err) {
			c.t.Fatal(err)
		}
		return err
	})
}

func (c *etcdCluster) eventually(what string, ok func() bool) {
	c.t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatalf("timed out: %s", what)
		}
	}
}

// list returns the members by name, or fails.
func (c *etcdCluster) list() map[string]model.EtcdMember {
	c.t.Helper()
	members, err := c.EtcdMembers(c.t.Context())
	c.must(err)
	all := map[string]model.EtcdMember{}
	for _, m := range members {
		all[m.Name] = m
	}
	return all
}
