package main

import (
	"context"
	"fmt"
	"time"
)

// A cluster on a vCenter whose tasks and guests take their time, a tenth of what they
// take in life.
const (
	chainControlPlane = 3
	chainWorkers      = 20
	chainTask         = 6 * time.Second // a clone; in a destruction a power-off and a deletion
	chainBoot         = 3 * time.Second
	chainJoin         = time.Second // what an init and a join take beside the boot
)

// chain measures how near a creation and a destruction come to the longest chain of
// tasks and boots in them that wait for each other.
func (e environment) chain(ctx context.Context) error {
	fmt.Println("| what | measured | ideal | times | aim |")
	fmt.Println("| :--- | ---: | ---: | ---: | ---: |")
	flags := []string{"-clone-duration", chainTask.String(), "-boot-delay", chainBoot.String()}
	return e.inDatacenter(ctx, flags, func(dir string, dc *datacenter) error {
		if err := e.configure(dir, fmt.Sprintf(configuration, e.parallel, chainControlPlane, chainWorkers)); err != nil {
			return err
		}
		if err := e.terraform(ctx, dir, dc, "apply", "-auto-approve", "-target=gantry_ip_pool.nodes"); err != nil {
			return err
		}
		create, err := e.phase(ctx, dir, dc, "apply", "-auto-approve")
		if err != nil {
			return err
		}
		rounds := (chainControlPlane + chainWorkers + e.parallel - 1) / e.parallel
		round := time.Duration(rounds) * chainTask
		nodes := fmt.Sprintf("%d control-plane nodes and %d workers", chainControlPlane, chainWorkers)
		what := fmt.Sprintf("creation of %s: %d rounds of clones of %s, boot of %s, init, %d joins",
			nodes, rounds, chainTask, chainBoot, chainControlPlane-1)
		against(what, create.took, round+chainBoot+chainJoin*(chainControlPlane-1))

		if err := dc.SetTaskDuration(ctx, chainTask); err != nil {
			return err
		}
		destroy, err := e.phase(ctx, dir, dc, "destroy", "-auto-approve", "-target=gantry_vmware_cluster.bench")
		if err != nil {
			return err
		}
		against(fmt.Sprintf("destruction of them: %d rounds of power-off and deletion, %s each", rounds, chainTask),
			destroy.took, 2*round)
		return nil
	})
}

// against prints what was measured beside what it would be if only the chain took time.
func against(what string, measured, ideal time.Duration) {
	fmt.Printf("| %s | %.1f s | %.1f s | %.2f | at most 1.3 |\n",
		what, measured.Seconds(), ideal.Seconds(), measured.Seconds()/ideal.Seconds())
}
