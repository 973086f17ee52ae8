package plan_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

var (
	clusterID    = uuid.MustParse("5a1f7f3e-1df6-4d53-9f7a-6f8b0d6d3a11")
	otherCluster = uuid.MustParse("c2b4d1a6-58a1-4a63-8f0b-0f6a3c1d9e22")
	poolID       = uuid.MustParse("0b3e2a51-7f1c-4f0e-9d55-1c2f9a7e4b33")
	otherPoolID  = uuid.MustParse("9e8d7c6b-5a49-4838-a716-05f4e3d2c144")
)

// theCA is the fingerprint of the authorities in the state.
const theCA = "sha256:ca"

// place is a placement of the fixtures on an IP pool.
func place(ipPool uuid.UUID) model.Placement {
	return model.Placement{
		ComputeCluster: "compute",
		Datastore:      "datastore",
		Network:        "network",
		ResourcePool:   "team",
		IPPoolID:       ipPool,
	}
}

func nodePool(name string, count int) model.NodePool {
	return model.NodePool{
		Name:       name,
		Count:      count,
		CPU:        2,
		MemoryGB:   4,
		Placements: []model.Placement{place(poolID)},
	}
}

// today is when the fixtures are judged.
var today = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)

// small is a cluster with a control plane and one worker pool on one IP pool.
func small(controlPlane, workers int) *model.ClusterSpec {
	return &model.ClusterSpec{
		Ref:               record.Ref{Kind: record.KindCluster, Name: "c"},
		ID:                clusterID,
		KubernetesVersion: "1.37.2",
		Image:             model.Image{Template: "node"},
		Datacenter:        "dc",
		PodCIDR:           "192.168.0.0/16",
		ServiceCIDR:       "172.30.0.0/16",
		ControlPlane:      nodePool(model.ControlPlanePool, controlPlane),
		Workers:           []model.NodePool{nodePool("w", workers)},
		CloneMode:         model.CloneAuto,
		Packs:             []model.Pack{network},
	}
}

// network is the pack of the fixtures, which brings the pod network.
var network = model.Pack{Name: "net", Layer: model.LayerCNI}

// running are the facts of a cluster of which everything is there and works.
func running(controlPlane, workers int) *model.Facts {
	f := &model.Facts{CAFingerprint: theCA}
	f.Record.Found = true
	f.Record.Cluster = record.Cluster{
		ID:               clusterID,
		Kind:             record.KindCluster,
		APIReached:       true,
		CreationComplete: true,
		Datacenter:       "dc",
		Counters:         map[string]int{model.ControlPlanePool: controlPlane + 1, "w": workers + 1},
	}
	f.API = model.APIFacts{
		Asked:            true,
		ImportDataStored: true,
		Nodes:            map[string]model.KubeNode{},
		Packs:            map[string]model.AppliedPack{network.Name: {Hash: network.Hash()}},
		Kubeadm:          model.KubeadmFacts{Version: "1.37.2", KubeProxy: "1.37.2", CoreDNS: "1.14.6"},
	}
	claim(f, poolID, model.OwnerVIP)
	claim(f, poolID, model.OwnerExtra)
	for n := range controlPlane {
		join(f, nodePool(model.ControlPlanePool, controlPlane), 0, n+1)
	}
	for n := range workers {
		join(f, nodePool("w", workers), 0, n+1)
	}
	return f
}

// claim adds a claim on the next address.
func claim(f *model.Facts, pool uuid.UUID, owner string) netip.Addr {
	addr := netip.AddrFrom4([4]byte{10, 10, 200, byte(len(f.Claims) + 1)})
	f.Claims = append(f.Claims, model.Claim{IPPool: pool, Address: addr, Owner: owner})
	return addr
}

// join adds a node of a pool that was built on one of its placements: its address,
// its VM and its node object.
func join(f *model.Facts, pool model.NodePool, at, n int) {
	name := model.NodeName("", "c", pool.Name, n)
	built := pool.Placements[at]
	m := model.Machine{
		Ref:       "vm-" + name,
		Path:      "/dc/vm/" + name,
		UUID:      model.NodeUUID(clusterID, name).String(),
		PoweredOn: true,
		Marker: model.Marker{
			SchemaVersion:     model.MarkerSchema,
			Cluster:           clusterID,
			Node:              name,
			Role:              pool.Role(),
			NodePool:          pool.Name,
			Ordinal:           n,
			Address:           netip.PrefixFrom(claim(f, built.IPPoolID, name), 16),
			IPPool:            built.IPPoolID,
			KubernetesVersion: "1.37.2",
			Template:          "node",
			CloneMode:         model.CloneLinked,
			ComputeCluster:    built.ComputeCluster,
			Datastore:         built.Datastore,
			DatastoreCluster:  built.DatastoreCluster,
			Network:           built.Network,
			ResourcePool:      built.ResourcePool,
			CPU:               pool.CPU,
			MemoryGB:          pool.MemoryGB,
			DiskGB:            20,
			CAFingerprint:     theCA,
		},
	}
	if pool.ControlPlane() {
		m.Marker.VIP, _ = f.Address(poolID, model.OwnerVIP)
		m.Marker.Extra, _ = f.Address(poolID, model.OwnerExtra)
	}
	f.Machines = append(f.Machines, m)
	f.API.Nodes[name] = model.KubeNode{Name: name, Ready: true}
}

// hide takes a VM out of sight; its node is no longer Ready.
func hide(f *model.Facts, name string) {
	lose(f, name)
	f.Gone = nil
	f.Unseen = append(f.Unseen, model.UnseenMachine{
		KnownMachine: model.KnownMachine{Node: name, Ref: "VirtualMachine:vm-1"},
		Why:          "no right to look there",
	})
}

// lose takes a VM away, of which vCenter then says so; its node is no longer Ready.
func lose(f *model.Facts, name string) {
	f.Machines = slices.DeleteFunc(f.Machines, func(m model.Machine) bool { return m.Marker.Node == name })
	f.Gone = append(f.Gone, model.KnownMachine{Node: name, Ref: "VirtualMachine:vm-1"})
	if f.API.Nodes != nil {
		f.API.Nodes[name] = model.KubeNode{Name: name}
	}
}

// unreachable has an API that was asked and does not answer.
func unreachable(f *model.Facts) *model.Facts {
	f.API = model.APIFacts{Asked: true, Error: "no route"}
	return f
}

// built changes what the workers were built with.
func built(f *model.Facts, with func(*model.Marker)) *model.Facts {
	for i := range f.Machines {
		if m := &f.Machines[i].Marker; m.NodePool == "w" {
			with(m)
		}
	}
	return f
}

// limitsFor has everything that the spec names, and IP pools of a size of which
// nothing is taken.
func limitsFor(s *model.ClusterSpec, total int) *model.Limits {
	l := &model.Limits{
		FreeClaims: 4000,
		Site: model.Site{
			Datacenter: "ref-dc",
			Template: model.Template{
				Ref:           "ref-template",
				Path:          "/dc/vm/node",
				Snapshot:      "ref-snapshot",
				SnapshotDisks: 1,
				Datastore:     "ref-datastore",
				DiskGB:        20,
				UsedGB:        20,
			},
			Folder:     model.Folder{Ref: "ref-folder"},
			Placements: map[model.PlacementRef]model.ResolvedPlacement{},
		},
		IPPools: map[uuid.UUID]model.IPPool{},
	}
	for ref, named := range s.Names().Placements {
		l.Site.Placements[ref] = model.ResolvedPlacement{
			ComputeCluster:     "ref-" + named.ComputeCluster,
			ComputeClusterName: named.ComputeCluster,
			DRS:                true,
			Datastore:          "ref-" + named.Datastore,
			Network:            model.Network{Ref: "ref-" + named.Network, Path: "/dc/network/" + named.Network},
			ResourcePool:       "ref-pool",
		}
	}
	for _, id := range s.IPPools() {
		l.IPPools[id] = ipPool(id, total)
	}
	return l
}

func ipPool(id uuid.UUID, total int) model.IPPool {
	start := netip.MustParseAddr("10.10.128.1").As4()
	last := int(start[2])<<8 + int(start[3]) + total - 1
	rec := record.IPPool{
		Name:           map[uuid.UUID]string{poolID: "pool", otherPoolID: "other"}[id],
		Start:          netip.AddrFrom4(start).String(),
		End:            netip.AddrFrom4([4]byte{10, 10, byte(last >> 8), byte(last)}).String(),
		PrefixLength:   16,
		DefaultGateway: "10.10.0.1",
		Nameservers:    []string{"10.10.0.2"},
	}
	addresses, err := rec.Addresses()
	if err != nil {
		panic(err)
	}
	return model.IPPool{ID: id, Registered: true, Record: rec, Addresses: addresses, Total: total}
}

// change replaces an IP pool of the limits.
func change(l *model.Limits, id uuid.UUID, with func(*model.IPPool)) *model.Limits {
	pool := l.IPPools[id]
	with(&pool)
	l.IPPools[id] = pool
	return l
}

// checked plans and judges the plan.
func checked(s *model.ClusterSpec, f *model.Facts, l *model.Limits) *model.Plan {
	p := plan.Cluster(s, f)
	plan.Check(s, f, p, l)
	return p
}

// planned is a plan that nothing but the facts may speak against.
func planned(s *model.ClusterSpec, f *model.Facts) *model.Plan {
	return checked(s, f, limitsFor(s, 1000))
}

// names lists the steps of a plan.
func names(p *model.Plan) string {
	var all []string
	for _, c := range p.Changes() {
		all = append(all, c.String())
	}
	return strings.Join(all, ", ")
}

// wantSteps compares the steps of a plan that must have no problem.
func wantSteps(t *testing.T, p *model.Plan, want string) {
	t.Helper()
	if got := names(p); got != want || p.Err() != nil {
		t.Fatalf("got  %q (%v)\nwant %q", got, p.Err(), want)
	}
}

// wantWarnings compares how many warnings there are.
func wantWarnings(t *testing.T, p *model.Plan, n int) {
	t.Helper()
	if len(p.Warnings) != n {
		t.Fatalf("%d warnings, want %d: %v", len(p.Warnings), n, p.Warnings)
	}
}

// stage returns the stage of that name.
func stage(t *testing.T, p *model.Plan, name string) model.Stage {
	t.Helper()
	for _, s := range p.Stages {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no stage %q in %s", name, stageNames(p))
	return model.Stage{}
}

func stageNames(p *model.Plan) string {
	all := make([]string, len(p.Stages))
	for i, s := range p.Stages {
		all[i] = s.Name
	}
	return strings.Join(all, ", ")
}

// says reports whether one of the findings has all of the words.
func says(found []model.Finding, words ...string) bool {
	return slices.ContainsFunc(found, func(x model.Finding) bool {
		text := fmt.Sprintf("%s\n%s", x.Summary, x.Detail)
		return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) })
	})
}

// on are the findings about a field.
func on(found []model.Finding, field model.Field) []model.Finding {
	return slices.DeleteFunc(slices.Clone(found), func(x model.Finding) bool { return !slices.Contains(x.Fields, field) })
}
