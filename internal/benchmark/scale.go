package main

import (
	"context"
	"fmt"
	"os"
)

// The sizes at which the aims hold.
const (
	manyClusters    = 30
	nodesPerCluster = 20
	foreignVMs      = 5000
	manyHosts       = 1000
)

// scale measures what must stay cheap when there is much of it, each row with its
// aim beside it.
func (e environment) scale(ctx context.Context) error {
	fmt.Println("| what | measured | aim |")
	fmt.Println("| :--- | :--- | :--- |")
	for _, measure := range []func(context.Context) error{e.oneCluster, e.manyClusters, e.survey} {
		if err := measure(ctx); err != nil {
			return err
		}
	}
	return nil
}

func aim(what, measured, aim string) { fmt.Printf("| %s | %s | %s |\n", what, measured, aim) }

// oneCluster builds a cluster and destroys it.
func (e environment) oneCluster(ctx context.Context) error {
	return e.inDatacenter(ctx, nil, func(dir string, dc *datacenter) error {
		if err := e.configure(dir, fmt.Sprintf(configuration, e.parallel, 1, nodesPerCluster-1)); err != nil {
			return err
		}
		if err := e.terraform(ctx, dir, dc, "apply", "-auto-approve", "-target=gantry_ip_pool.nodes"); err != nil {
			return err
		}
		create, err := e.phase(ctx, dir, dc, "apply", "-auto-approve")
		if err != nil {
			return err
		}
		aim(fmt.Sprintf("creation of a cluster of %d nodes", nodesPerCluster),
			fmt.Sprintf("%d calls, %d of them one clone, one power-on and one claim a node, %d reads of what is under way",
				create.calls(), 3*nodesPerCluster, create.polls()), "at most 120 calls, sessions, plans and lock at most 35")

		small, err := e.phase(ctx, dir, dc, "destroy", "-auto-approve", "-target=gantry_vmware_cluster.bench")
		if err != nil {
			return err
		}
		if err := e.configure(dir, fmt.Sprintf(configuration, e.parallel, 1, 3*nodesPerCluster-1)); err != nil {
			return err
		}
		if err := e.terraform(ctx, dir, dc, "apply", "-auto-approve"); err != nil {
			return err
		}
		large, err := e.phase(ctx, dir, dc, "destroy", "-auto-approve", "-target=gantry_vmware_cluster.bench")
		if err != nil {
			return err
		}
		each := float64(large.calls()-large.polls()-small.calls()+small.polls()) / (2 * nodesPerCluster)
		aim("destruction, for each node", fmt.Sprintf("%.2f calls (%d for %d nodes, %d for %d)",
			each, small.calls(), nodesPerCluster, large.calls(), 3*nodesPerCluster), "at most 5 calls")
		return nil
	})
}

// manyClusters plans many clusters at once, alone and among the VMs of others.
func (e environment) manyClusters(ctx context.Context) error {
	plan := func(vms int) (p phase, err error) {
		err = e.inDatacenter(ctx, []string{"-other-vms", fmt.Sprint(vms)}, func(dir string, dc *datacenter) error {
			if err := e.configure(dir, fmt.Sprintf(manyConfiguration, e.parallel, manyClusters, nodesPerCluster-1)); err != nil {
				return err
			}
			if err := e.terraform(ctx, dir, dc, "apply", "-auto-approve"); err != nil {
				return err
			}
			p, err = e.phase(ctx, dir, dc, "plan", "-detailed-exitcode")
			return err
		})
		return p, err
	}
	alone, err := plan(0)
	if err != nil {
		return err
	}
	aim(fmt.Sprintf("plan of %d clusters of %d nodes", manyClusters, nodesPerCluster),
		fmt.Sprintf("%d calls, %.1f s, %.1f s of CPU in the provider", alone.calls(), alone.took.Seconds(), alone.cpu.Seconds()),
		fmt.Sprintf("at most 2 calls a cluster and 40 beside: %d; under 4 s of CPU", 2*manyClusters+40))
	among, err := plan(foreignVMs)
	if err != nil {
		return err
	}
	aim(fmt.Sprintf("the same among %d VMs of others", foreignVMs),
		fmt.Sprintf("%d calls, %.1f s, %.1f s of CPU in the provider: %.2f s more", among.calls(), among.took.Seconds(), among.cpu.Seconds(),
			(among.cpu-alone.cpu).Seconds()), "at most 0.5 s more")
	return nil
}

// survey plans one cluster in a small datacenter and in one with many hosts and VMs.
func (e environment) survey(ctx context.Context) error {
	const controlPlane, workers = 3, 10
	plan := func(flags ...string) (p phase, err error) {
		err = e.inDatacenter(ctx, flags, func(dir string, dc *datacenter) error {
			if err := e.configure(dir, fmt.Sprintf(configuration, e.parallel, controlPlane, workers)); err != nil {
				return err
			}
			if err := e.terraform(ctx, dir, dc, "apply", "-auto-approve"); err != nil {
				return err
			}
			p, err = e.phase(ctx, dir, dc, "plan", "-detailed-exitcode")
			return err
		})
		return p, err
	}
	small, err := plan()
	if err != nil {
		return err
	}
	large, err := plan("-other-hosts", fmt.Sprint(manyHosts), "-other-vms", fmt.Sprint(foreignVMs))
	if err != nil {
		return err
	}
	aim(fmt.Sprintf("survey of %d hosts and %d VMs, by the plan of a cluster of %d + %d nodes", manyHosts, foreignVMs, controlPlane, workers),
		fmt.Sprintf("%d calls, %.1f s, %d MB of memory; %d calls, %.1f s, %d MB without them",
			large.calls(), large.took.Seconds(), large.peakKB>>10, small.calls(), small.took.Seconds(), small.peakKB>>10),
		"at most 4 calls more")
	return nil
}

// inDatacenter runs a measurement in a datacenter and a folder of its own.
func (e environment) inDatacenter(ctx context.Context, flags []string, measure func(dir string, dc *datacenter) error) error {
	dir, err := os.MkdirTemp("", "gantry-benchmark")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	dc, err := e.start(ctx, dir, flags...)
	if err != nil {
		return err
	}
	defer dc.stop()
	return measure(dir, dc)
}

// manyConfiguration is a number of clusters, each with a number of workers.
const manyConfiguration = site + `
resource "gantry_vmware_cluster" "bench" {
  count         = %d
  name          = "bench-${count.index}"
  cloud_account = {
    id             = "00000000-0000-4000-8000-000000000001"
    name           = "own"
    vcenter_server = "own"
    username       = "administrator@vsphere.local"
  }
  profile       = { kubernetes_version = "1.37.2", image = { template = "gantry-node-1.37.2" } }
  datacenter    = "dc-1"
  folder        = "bench"
  network       = { ip_allocation = "static" }
  control_plane = { node_count = 1, cpu = 2, memory_gb = 4, placements = [local.placement] }
  worker_pools  = { general = { node_count = %d, cpu = 2, memory_gb = 4, placements = [local.placement] } }
}
`
