package plan_test

import (
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// What a worker was built with, and what the configuration asks for now.
func TestWorkerIsOutdatedWhenItsSizeImageOrPlacementDiffers(t *testing.T) {
	t.Parallel()
	first := func(change func(*model.Placement)) func(*model.ClusterSpec, *model.NodePool) {
		return func(_ *model.ClusterSpec, p *model.NodePool) { change(&p.Placements[0]) }
	}
	for name, c := range map[string]struct {
		marker   func(*model.Marker)
		change   func(*model.ClusterSpec, *model.NodePool)
		outdated string // the reason; empty: it is not
		poolOnly bool   // and no reason for the control plane
	}{
		"nothing":      {},
		"cpu":          {change: func(_ *model.ClusterSpec, p *model.NodePool) { p.CPU = 4 }, outdated: "cpu"},
		"memory":       {change: func(_ *model.ClusterSpec, p *model.NodePool) { p.MemoryGB = 8 }, outdated: "memory_gb"},
		"disk":         {change: func(_ *model.ClusterSpec, p *model.NodePool) { p.DiskGB = 80 }, outdated: "disk_gb"},
		"any disk":     {change: func(_ *model.ClusterSpec, p *model.NodePool) { p.DiskGB = 0 }},
		"drain and so": {change: func(_ *model.ClusterSpec, p *model.NodePool) { p.DrainTimeout = 1 }},
		"version": {change: func(_ *model.ClusterSpec, p *model.NodePool) {
			p.KubernetesVersion = "1.36.3"
		}, outdated: "kubernetes_version"},
		"version, spelled out": {change: func(_ *model.ClusterSpec, p *model.NodePool) { p.KubernetesVersion = "1.37.2" }},
		"image of the pool": {change: func(_ *model.ClusterSpec, p *model.NodePool) {
			p.Image.Template = "node-2"
		}, outdated: "image", poolOnly: true},
		"image": {change: func(s *model.ClusterSpec, _ *model.NodePool) { s.Image.Template = "node-2" }, outdated: "image"},
		"image by its path": {change: func(s *model.ClusterSpec, _ *model.NodePool) {
			s.Image.Template = "/dc/vm/templates/node-1"
		}},
		"image of a similar name": {change: func(s *model.ClusterSpec, _ *model.NodePool) {
			s.Image.Template = "other-node-1"
		}, outdated: "image"},
		"datastore": {change: first(func(p *model.Placement) { p.Datastore = "datastore-2" }), outdated: "placements"},
		"datastore cluster": {change: first(func(p *model.Placement) {
			p.Datastore = ""
			p.DatastoreCluster = "datastore"
		}), outdated: "placements"},
		"another datastore cluster": {
			marker: func(m *model.Marker) {
				m.Datastore = ""
				m.DatastoreCluster = "pod"
			},
			change: first(func(p *model.Placement) {
				p.Datastore = ""
				p.DatastoreCluster = "pod-2"
			}), outdated: "placements",
		},
		"datastore cluster by its path": {
			marker: func(m *model.Marker) {
				m.Datastore = ""
				m.DatastoreCluster = "pod"
			},
			change: first(func(p *model.Placement) {
				p.Datastore = ""
				p.DatastoreCluster = "/dc/datastore/pod"
			}),
		},
		"network":             {change: first(func(p *model.Placement) { p.Network = "network-2" }), outdated: "placements"},
		"network by its path": {change: first(func(p *model.Placement) { p.Network = "/dc/network/network" })},
		"compute cluster":     {change: first(func(p *model.Placement) { p.ComputeCluster = "compute-2" }), outdated: "placements"},
		"IP pool":             {change: first(func(p *model.Placement) { p.IPPoolID = otherPoolID }), outdated: "placements"},
		"resource pool":       {change: first(func(p *model.Placement) { p.ResourcePool = "" }), outdated: "placements"},
		"resource pool by its path": {change: first(func(p *model.Placement) {
			p.ResourcePool = "/dc/host/compute/Resources/team"
		})},
		"root pool by its name": {
			marker: func(m *model.Marker) { m.ResourcePool = "" },
			change: first(func(p *model.Placement) { p.ResourcePool = "compute/Resources" }),
		},
		"name with a slash": {
			marker: func(m *model.Marker) { m.ComputeCluster = "a/b" },
			change: first(func(p *model.Placement) { p.ComputeCluster = "a%2fb" }),
		},
		"a placement is added": {change: func(_ *model.ClusterSpec, p *model.NodePool) {
			added := place(poolID)
			added.ComputeCluster = "compute-2"
			p.Placements = append(p.Placements, added)
		}},
		"a placement is removed": {
			marker: func(m *model.Marker) { m.ComputeCluster = "compute-2" },
			change: func(*model.ClusterSpec, *model.NodePool) {}, outdated: "placements",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := small(1, 1)
			s.Image.Template = "node-1"
			s.Workers[0].DiskGB = 60
			if c.change != nil {
				c.change(s, &s.Workers[0])
			}
			f := built(running(1, 1), func(m *model.Marker) {
				m.DiskGB = 60
				if c.marker != nil {
					c.marker(m)
				}
			})
			for i := range f.Machines {
				f.Machines[i].Marker.Template = "node-1"
			}
			want := ""
			switch {
			case c.outdated == "":
			case c.outdated == "image" && !c.poolOnly:
				want = "create_node c-cp-2, delete_node c-cp-1, create_node c-w-2, delete_node c-w-1"
			default:
				want = "create_node c-w-2, delete_node c-w-1"
			}
			p := planned(s, f.PlanInputs())
			wantSteps(t, p, want)
			if c.outdated != "" && !says(p.Warnings, "Differs from the configuration: "+c.outdated+".") {
				t.Errorf("warnings %v", p.Warnings)
			}
		})
	}
}
