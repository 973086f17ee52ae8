package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// environment is what a measurement runs with.
type environment struct {
	cli, provider, simulator string
	parallel                 int
}

// datacenter is a simulated datacenter in a process of its own, so that its
// memory and time are not the provider's.
type datacenter struct {
	*simulator.Control
	process *exec.Cmd
	env     []string
}

// measure builds, refreshes and destroys one cluster.
func (e environment) measure(ctx context.Context, workers int, latency time.Duration) (string, error) {
	dir, err := os.MkdirTemp("", "gantry-benchmark")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	dc, err := e.start(ctx, dir)
	if err != nil {
		return "", err
	}
	defer dc.stop()
	if err := e.configure(dir, fmt.Sprintf(configuration, e.parallel, 1, workers)); err != nil {
		return "", err
	}
	if err := e.terraform(ctx, dir, dc, "apply", "-auto-approve", "-target=gantry_ip_pool.nodes"); err != nil {
		return "", err
	}
	if err := dc.SetLatency(ctx, latency); err != nil {
		return "", err
	}
	var phases []phase
	for _, args := range [][]string{
		{"apply", "-auto-approve"},
		{"plan", "-detailed-exitcode"},
		{"destroy", "-auto-approve", "-target=gantry_vmware_cluster.bench"},
	} {
		p, err := e.phase(ctx, dir, dc, args...)
		if err != nil {
			return "", err
		}
		phases = append(phases, p)
	}
	return row(workers, latency, phases[0], phases[1], phases[2]), nil
}

// phase runs the CLI once and counts what that cost.
func (e environment) phase(ctx context.Context, dir string, dc *datacenter, args ...string) (phase, error) {
	if err := dc.ResetCalls(ctx); err != nil {
		return phase{}, err
	}
	watching, stop := context.WithCancel(ctx)
	used := make(chan usage, 1)
	go func() { used <- watchUsage(watching, e.provider) }()
	started := time.Now()
	err := e.terraform(ctx, dir, dc, args...)
	took := time.Since(started)
	stop()
	u := <-used
	p := phase{took: took, peakKB: u.peakKB, cpu: u.cpu}
	if err != nil {
		return p, err
	}
	state, err := dc.State(ctx)
	if err != nil {
		return p, err
	}
	for _, n := range state.Calls.SOAP {
		p.soap += n
	}
	for _, n := range state.Calls.REST {
		p.rest += n
	}
	p.reads = state.Calls.SOAP["RetrievePropertiesEx"]
	return p, nil
}

func (e environment) terraform(ctx context.Context, dir string, dc *datacenter, args ...string) error {
	cmd := exec.CommandContext(ctx, e.cli, append(args, "-input=false", "-no-color")...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), dc.env...), "TF_CLI_CONFIG_FILE="+filepath.Join(dir, "cli.rc"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w\n%s", e.cli, strings.Join(args, " "), err, out)
	}
	return nil
}

// start runs the simulated datacenter and waits for its environment file.
func (e environment) start(ctx context.Context, dir string, flags ...string) (*datacenter, error) {
	file := filepath.Join(dir, "env")
	cmd := exec.CommandContext(ctx, e.simulator, append(flags,
		"-listen", "127.0.0.1:0", "-proxy-listen", "127.0.0.1:0", "-control-listen", "127.0.0.1:0", "-env-file", file)...)
	var messages bytes.Buffer
	cmd.Stderr = &messages
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		if raw, err := os.ReadFile(file); err == nil && bytes.HasSuffix(raw, []byte("\n")) {
			dc := &datacenter{process: cmd, env: variables(raw)}
			for _, kv := range dc.env {
				if url, ok := strings.CutPrefix(kv, "GANTRY_SIMULATOR_CONTROL="); ok {
					dc.Control = simulator.NewControl(url)
				}
			}
			if dc.Control == nil {
				dc.stop()
				return nil, errors.New("the simulated datacenter does not tell where its control API is")
			}
			return dc, nil
		}
		select {
		case err := <-ended:
			return nil, fmt.Errorf("the simulated datacenter ended: %w\n%s", err, messages.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// variables reads the lines `export NAME=VALUE` of an environment file.
func variables(raw []byte) []string {
	var out []string
	for _, line := range strings.Split(string(raw), "\n") {
		if kv, ok := strings.CutPrefix(line, "export "); ok {
			name, value, _ := strings.Cut(kv, "=")
			out = append(out, name+"="+strings.Trim(value, `'"`))
		}
	}
	return out
}

func (d *datacenter) stop() { _ = d.process.Process.Kill() }

func (e environment) configure(dir, configuration string) error {
	cli := fmt.Sprintf("provider_installation {\n  dev_overrides { \"gantry/gantry\" = %q }\n  direct {}\n}\n", filepath.Dir(e.provider))
	if err := os.WriteFile(filepath.Join(dir, "cli.rc"), []byte(cli), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "main.tf"), []byte(configuration), 0o600)
}

// site is the provider, with its max_parallel_operations, and an IP pool.
const site = `
terraform {
  required_providers {
    gantry = { source = "gantry/gantry" }
  }
}

provider "gantry" {
  max_parallel_operations = %d
}

locals {
  placement = {
    compute_cluster = "cluster-a"
    datastore       = "shared-1"
    network         = "dvpg-nodes"
    resource_pool   = "gantry"
    ip_pool_id      = gantry_ip_pool.nodes.id
  }
}

resource "gantry_ip_pool" "nodes" {
  name            = "nodes"
  range           = { start = "10.10.180.1", end = "10.10.183.254" }
  prefix_length   = 18
  default_gateway = "10.10.128.1"
  nameservers     = ["10.10.128.2"]
}
`

// configuration is one cluster with a number of control-plane nodes and of workers.
const configuration = site + `
resource "gantry_vmware_cluster" "bench" {
  name          = "bench"
  cloud_account = {
    id             = "00000000-0000-4000-8000-000000000001"
    name           = "own"
    vcenter_server = "own"
    username       = "administrator@vsphere.local"
  }
  profile = {
    kubernetes_version = "1.37.2"
    image              = { template = "gantry-node-1.37.2" }
    packs = { network = { layer = "cni", manifests = [yamlencode({ # without one, no node becomes Ready
      apiVersion = "apps/v1", kind = "DaemonSet", metadata = { name = "network", namespace = "kube-system" }
      spec = {
        selector = { matchLabels = { app = "network" } }
        template = {
          metadata = { labels = { app = "network" } }
          spec = {
            hostNetwork = true
            tolerations = [{ operator = "Exists" }]
            containers  = [{ name = "network", image = "network" }]
          }
        }
      }
    })] } }
  }
  datacenter    = "dc-1"
  folder        = "bench"
  network       = { ip_allocation = "static" }
  control_plane = { node_count = %d, cpu = 2, memory_gb = 4, placements = [local.placement] }
  worker_pools  = { general = { node_count = %d, cpu = 2, memory_gb = 4, placements = [local.placement] } }
}
`
