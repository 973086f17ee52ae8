package engine_test

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// whole fails where the datacenter is not made of just what the clusters of the walk need.
func (w *walk) whole() {
	if open := w.sim.Sessions(); open != (simulator.Sessions{}) {
		w.t.Errorf("sessions are open: %+v", open)
	}
	e, end := w.process()
	defer end()
	var vms, folders []string
	rules := map[string]bool{}
	claims := map[uuid.UUID]int{}
	snapshots := false
	for _, c := range w.clusters {
		if c.state == nil {
			continue
		}
		nodes := w.wholeCluster(e, c, rules)
		for _, node := range nodes {
			vms = append(vms, path.Join("/dc-1/vm", c.wanted.Folder, node))
		}
		for at := c.wanted.Folder; at != "k8s"; at = path.Dir(at) {
			folders = append(folders, "/dc-1/vm/"+at)
		}
		claims[c.state.id] = len(nodes) + 2
		if c.wanted.DHCP() {
			claims[c.state.id] = 0
			vms = append(vms, path.Join("/dc-1/vm", c.wanted.Folder, c.loadBalancer()))
		}
		snapshots = snapshots || c.wanted.EtcdSnapshots != nil
	}
	left := w.sim.Leftovers()
	for i, vm := range left.VMs {
		if name := path.Base(vm); w.moved[name] {
			// It is left where a user has moved it, until the folder is changed.
			left.VMs[i] = path.Join("/dc-1/vm", w.folderOf(name), name)
		}
	}
	slices.Sort(left.VMs)
	slices.Sort(vms)
	if !slices.Equal(left.VMs, vms) {
		w.t.Errorf("the VMs are %v, not %v", left.VMs, vms)
	}
	slices.Sort(folders)
	folders = slices.Compact(folders)
	if !slices.Equal(left.Folders, folders) {
		w.t.Errorf("the folders are %v, not %v", left.Folders, folders)
	}
	if slices.ContainsFunc(left.Rules, func(rule string) bool { return !rules[rule] }) {
		w.t.Errorf("the rules are %v, and there may be %v", left.Rules, rules)
	}
	if len(left.Files) > 0 && !snapshots {
		w.t.Errorf("left behind: %v", left.Files)
	}
	if n := w.sim.ClonesUnderWay(); n > 0 {
		w.t.Errorf("%d clones are under way", n)
	}
	w.wholeLedger(e, claims)
	w.addressesOnce(e)
	w.disksThere()
}

// folderOf is the folder of the cluster that a node is of.
func (w *walk) folderOf(node string) string {
	for _, c := range w.clusters {
		if strings.HasPrefix(node, c.name+"-") {
			return c.wanted.Folder
		}
	}
	return ""
}

// wholeCluster fails where a cluster is not as it is wanted, and returns its nodes.
func (w *walk) wholeCluster(e *engine.Engine, c *walked, rules map[string]bool) []string {
	_, facts, err := e.Status(w.t.Context(), c.spec(), c.state.secrets)
	w.must(err)
	var nodes []string
	have := map[string]int{}
	for _, m := range facts.Machines {
		nodes = append(nodes, m.Marker.Node)
		have[m.Marker.NodePool]++
		pool, _ := c.wanted.NodePool(m.Marker.NodePool)
		version := c.wanted.VersionOf(pool)
		if m.Marker.CPU != pool.CPU || m.Marker.MemoryGB != pool.MemoryGB || m.Marker.Template != c.wanted.ImageOf(pool).Template ||
			m.Marker.KubernetesVersion != version || m.Marker.Incarnation != c.state.incarnation && c.state.incarnation != "" {
			w.t.Errorf("%s was built with %+v", m.Marker.Node, m.Marker)
		}
	}
	want := map[string]int{}
	for _, pool := range c.wanted.NodePools() {
		if pool.Count > 0 {
			want[pool.Name] = pool.Count
		}
	}
	slices.Sort(nodes)
	if !maps.Equal(have, want) {
		w.t.Errorf("%s has the nodes %v, not %v", c.name, nodes, want)
	}
	w.must(w.wholeAPI(e, c, nodes))
	w.wholeLoadBalancer(c, facts)
	w.wholeRules(c, facts, rules)
	w.wholeGroups(c, facts, rules)
	w.wholeVMGroups(e, c, facts)
	w.wholeTags(c, facts)
	return nodes
}

// wholeTags fails where a VM has not just the tags that its cluster gives it: no person of the
// walk tags one.
func (w *walk) wholeTags(c *walked, facts *model.Facts) {
	var want []string
	for _, tag := range c.wanted.VMTags {
		want = append(want, tag.Name)
	}
	for _, m := range facts.VMs() {
		w.tagged(m.Marker.Node, want...)
	}
}

// wholeRules fails where a pool that is spread lacks its rule in a compute cluster with DRS that
// has two VMs of it, and adds the rules that there may be: one goes with its last VM.
func (w *walk) wholeRules(c *walked, facts *model.Facts, rules map[string]bool) {
	there := w.sim.Leftovers().Rules
	vms := map[string]int{}
	for _, m := range facts.Machines {
		if pool, ok := c.wanted.NodePool(m.Marker.NodePool); ok && pool.Spreads() {
			vms[fmt.Sprintf("%s/gantry-%s-%s", m.Marker.ComputeCluster, c.state.id, pool.Name)]++
		}
	}
	for rule, n := range vms {
		rules[rule] = true
		withDRS := !strings.HasPrefix(rule, "cluster-c/")
		if n > 1 && withDRS && !slices.Contains(there, rule) {
			w.t.Errorf("the rule %s of %d VMs is not there: %v", rule, n, there)
		}
	}
}

// wholeLoadBalancer fails where a cluster with leases has no load balancer that forwards to its
// control plane, or one with addresses has one.
func (w *walk) wholeLoadBalancer(c *walked, facts *model.Facts) {
	lb := facts.LoadBalancer
	if !c.wanted.DHCP() {
		if lb != nil {
			w.t.Errorf("%s has the load balancer %+v", c.name, lb)
		}
		return
	}
	var leases []string
	for _, m := range facts.Machines {
		if m.Marker.ControlPlane() {
			leases = append(leases, m.Address.String())
		}
	}
	slices.Sort(leases)
	if lb == nil || !lb.PoweredOn || lb.Phase != model.PhaseServing {
		w.t.Errorf("the load balancer of %s is %+v", c.name, lb)
		return
	}
	backends := strings.Split(lb.Backends, ",")
	slices.Sort(backends)
	if !slices.Equal(backends, leases) || len(facts.Record.Members) != len(leases) {
		w.t.Errorf("%s has the backends %v, the leases %v and the members %v", c.name, backends, leases, facts.Record.Members)
	}
}

// wholeAPI returns what is wrong in the cluster's API: its nodes and the members of its etcd
// are those of the VMs, all of them well, and nothing is left of joins.
func (w *walk) wholeAPI(e *engine.Engine, c *walked, machines []string) error {
	api, err := e.Kube.Connect(c.state.secrets.Kubeconfig, c.state.secrets.Authorities.Etcd)
	if err != nil {
		return err
	}
	nodes, err := api.Nodes(w.t.Context())
	if err != nil {
		return err
	}
	var names, controlPlane, wrong []string
	for _, n := range nodes {
		names = append(names, n.Name)
		pool := strings.Split(strings.TrimPrefix(n.Name, c.name+"-"), "-")[0]
		if pool == model.ControlPlanePool {
			controlPlane = append(controlPlane, n.Name)
		}
		if spec, _ := c.wanted.NodePool(pool); n.Version != "v"+c.wanted.VersionOf(spec) || !n.Ready || n.Unschedulable || n.Cordoned {
			wrong = append(wrong, fmt.Sprintf("node %+v", n))
		}
	}
	members, err := api.EtcdMembers(w.t.Context())
	if err != nil {
		return err
	}
	var voters []string
	for _, m := range members {
		voters = append(voters, m.Name)
		if !m.Healthy() || m.Learner {
			wrong = append(wrong, fmt.Sprintf("member %+v", m))
		}
	}
	for _, list := range [][]string{names, controlPlane, voters} {
		slices.Sort(list)
	}
	if !slices.Equal(names, machines) || !slices.Equal(voters, controlPlane) || len(wrong) > 0 {
		return fmt.Errorf("%s has the machines %v, the nodes %v, the members %v; %v", c.name, machines, names, voters, wrong)
	}
	if certs, err := api.Secret(w.t.Context(), "kubeadm-certs"); err == nil && certs != nil {
		return errors.New("the certificates for joins are left in " + c.name)
	}
	return nil
}

// wholeLedger fails where the ledger holds anything but the pool, the clusters, their
// addresses, and what they depend on.
func (w *walk) wholeLedger(e *engine.Engine, claims map[uuid.UUID]int) {
	entries, err := e.Ledger.Entries(w.t.Context())
	w.must(err)
	held := 0
	for _, entry := range entries {
		switch entry.Kind {
		case ledger.EntryClaim:
			held++
		case ledger.EntryStray, ledger.EntryReservation:
			w.t.Errorf("the ledger has %+v", entry)
		case ledger.EntryLock:
			if entry.Held || len(claims) == 0 {
				w.t.Errorf("the ledger has the lock %+v", entry)
			}
		case ledger.EntryRecord:
			known := entry.ID == w.pool || slices.ContainsFunc(w.clusters, func(c *walked) bool {
				return c.state != nil && entry.ID == e.Ledger.ID(c.wanted.Ref)
			})
			// newWorld has made a pool of its own.
			if !known && (entry.Record == nil || entry.Record.Name != "nodes") {
				w.t.Errorf("the ledger has the record %+v", entry)
			}
		}
	}
	want := 0
	for _, n := range claims {
		want += n
	}
	if held != want {
		w.t.Errorf("%d addresses are claimed, not %d: %v", held, want, w.sim.Leftovers().Tags)
	}
}

// addressesOnce fails where two VMs hold an address.
func (w *walk) addressesOnce(e *engine.Engine) {
	survey, err := e.Reader.Survey(w.t.Context(), model.SurveyRequest{})
	w.must(err)
	seen := map[string]string{}
	for _, h := range survey.Held {
		if h.Node == model.OwnerVIP || h.Node == model.OwnerExtra {
			continue
		}
		if other, ok := seen[h.Address.String()]; ok && other != h.Node {
			w.t.Errorf("%s and %s hold %s", other, h.Node, h.Address)
		}
		seen[h.Address.String()] = h.Node
	}
}

// disksThere fails where a disk of others was destroyed.
func (w *walk) disksThere() {
	if lost := w.sim.DestroyedForeignDisks(); len(lost) > 0 {
		w.t.Errorf("foreign disks were destroyed: %v", lost)
	}
	for _, d := range w.disks {
		if !w.sim.DiskExists(d.file) {
			w.t.Errorf("the disk %s of %s is gone", d.file, d.vm)
		}
	}
}
