package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

// poolConfiguration is a pool of more addresses than a vCenter may have claims.
const poolConfiguration = `
terraform {
  required_providers {
    gantry = { source = "gantry/gantry" }
  }
}

provider "gantry" {}

resource "gantry_ip_pool" "nodes" {
  name            = "nodes"
  subnet          = "10.20.0.0/20"
  default_gateway = "10.20.0.1"
}
`

// poolBody is the same pool in the ledger, for those that claim.
var poolBody = record.IPPool{Name: "nodes", Subnet: "10.20.0.0/20", DefaultGateway: "10.20.0.1"}

// addresses measures the ledger alone: what a claim costs, and what it costs to
// look at a pool that is in use.
func (e environment) addresses(ctx context.Context, latencies []time.Duration) error {
	fmt.Println("| claimants | latency | claims | time | claims a second | calls a claim |")
	fmt.Println("| ---: | ---: | ---: | ---: | ---: | ---: |")
	for _, latency := range latencies {
		// The more claimants, the fewer claims each, so that a row takes seconds.
		for _, c := range []struct{ claimants, each int }{{1, 100}, {8, 50}, {64, 20}} {
			row, err := e.contend(ctx, c.claimants, c.each, latency)
			if err != nil {
				return fmt.Errorf("%d claimants at %s: %w", c.claimants, latency, err)
			}
			fmt.Println(row)
		}
	}
	fmt.Println()
	fmt.Println("| addresses in use | latency | claim 50 addresses: calls | time " +
		"| refresh the pool: calls | of them login and logout | time |")
	fmt.Println("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
	for _, latency := range latencies {
		for _, used := range []int{0, 250, 3000} {
			row, err := e.look(ctx, used, latency)
			if err != nil {
				return fmt.Errorf("%d addresses in use at %s: %w", used, latency, err)
			}
			fmt.Println(row)
		}
	}
	return nil
}

// runner is what claims: a cluster's run, with a session of its own.
type runner struct {
	cluster  uuid.UUID
	ledger   *ledger.Ledger
	snap     *ledger.Snapshot
	pool     ledger.IPPool
	sessions *vsphere.Sessions
}

func (d *datacenter) variable(name string) string {
	for _, kv := range d.env {
		if value, ok := strings.CutPrefix(kv, name+"="); ok {
			return value
		}
	}
	return ""
}

// join logs in and looks at what is taken, as each run does first.
func (d *datacenter) join(ctx context.Context) (*runner, error) {
	r := &runner{cluster: uuid.New(), sessions: &vsphere.Sessions{}}
	client, err := r.sessions.Get(ctx, vsphere.Config{
		Server:             d.variable("VSPHERE_SERVER"),
		Username:           d.variable("VSPHERE_USER"),
		Password:           d.variable("VSPHERE_PASSWORD"),
		InsecureSkipVerify: true,
	})
	if err != nil {
		return nil, err
	}
	vcenter, err := client.InstanceUUID(ctx)
	if err != nil {
		return nil, err
	}
	r.ledger = ledger.New(vsphere.NewTagStore(client), vcenter)
	if r.pool, err = ledger.NewIPPool(r.ledger.ID(record.Ref{Kind: record.KindIPPool, Name: poolBody.Name}), poolBody); err != nil {
		return nil, err
	}
	r.snap, err = r.ledger.Snapshot(ctx)
	return r, err
}

func (r *runner) claim(ctx context.Context, n int) error {
	for i := range n {
		if _, err := r.ledger.Claim(ctx, r.pool, ledger.Owner{Cluster: r.cluster, Node: "node-" + strconv.Itoa(i)}, r.snap); err != nil {
			return err
		}
	}
	return nil
}

// contend lets several clusters claim from one pool at the same time.
func (e environment) contend(ctx context.Context, claimants, each int, latency time.Duration) (string, error) {
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
	var runners []*runner
	for range claimants {
		r, err := dc.join(ctx)
		if err != nil {
			return "", err
		}
		defer func() { _ = r.sessions.LogoutAll(ctx) }()
		// The first claim of a vCenter's life makes the category.
		if err := r.claim(ctx, 1); err != nil {
			return "", err
		}
		r.cluster = uuid.New()
		runners = append(runners, r)
	}
	for _, r := range runners {
		if r.snap, err = r.ledger.Snapshot(ctx); err != nil {
			return "", err
		}
	}
	if err := dc.SetLatency(ctx, latency); err != nil {
		return "", err
	}
	calls, took, err := dc.count(ctx, func() error {
		errs := make([]error, claimants)
		var wg sync.WaitGroup
		for i, r := range runners {
			wg.Go(func() { errs[i] = r.claim(ctx, each) })
		}
		wg.Wait()
		for _, err := range errs {
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	claims := claimants * each
	return fmt.Sprintf("| %d | %d ms | %d | %.1f s | %.0f | %.2f |", claimants, latency.Milliseconds(), claims, took.Seconds(),
		float64(claims)/took.Seconds(), float64(calls)/float64(claims)), nil
}

// count is how many calls vCenter gets for some work, and how long it takes.
func (d *datacenter) count(ctx context.Context, work func() error) (calls int, took time.Duration, err error) {
	if err := d.ResetCalls(ctx); err != nil {
		return 0, 0, err
	}
	started := time.Now()
	if err := work(); err != nil {
		return 0, 0, err
	}
	took = time.Since(started)
	state, err := d.State(ctx)
	return state.Calls.Total, took, err
}

// look claims from a pool of which some addresses are in use, and refreshes it.
func (e environment) look(ctx context.Context, used int, latency time.Duration) (string, error) {
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
	if err := e.configure(dir, poolConfiguration); err != nil {
		return "", err
	}
	if err := e.terraform(ctx, dir, dc, "apply", "-auto-approve"); err != nil {
		return "", err
	}
	r, err := dc.join(ctx)
	if err != nil {
		return "", err
	}
	defer func() { _ = r.sessions.LogoutAll(ctx) }()
	if err := r.claim(ctx, used); err != nil {
		return "", err
	}
	if err := dc.SetLatency(ctx, latency); err != nil {
		return "", err
	}
	p, err := e.phase(ctx, dir, dc, "plan", "-refresh-only")
	if err != nil {
		return "", err
	}
	state, err := dc.State(ctx)
	if err != nil {
		return "", err
	}
	sessions := 0
	for call, n := range state.Calls.SOAP {
		if strings.HasPrefix(call, "Login") || call == "Logout" || call == "RetrieveServiceContent" {
			sessions += n
		}
	}
	for call, n := range state.Calls.REST {
		if strings.HasSuffix(call, " session") {
			sessions += n
		}
	}
	r.cluster = uuid.New()
	claims, took, err := dc.count(ctx, func() (err error) {
		if r.snap, err = r.ledger.Snapshot(ctx); err != nil {
			return err
		}
		return r.claim(ctx, 50)
	})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("| %d | %d ms | %d | %.1f s | %d | %d | %.1f s |", used, latency.Milliseconds(), claims, took.Seconds(),
		p.calls(), sessions, p.took.Seconds()), nil
}
