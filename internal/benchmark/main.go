// Command benchmark measures what users meet: the calls that vCenter gets, the
// time and the provider's memory while Terraform or OpenTofu creates, refreshes
// and destroys clusters on the simulated datacenter.
//
// It prints tables in Markdown. The first, chain, compares the time that a creation and
// a destruction take with the longest chain of tasks in them. The second, scale, has what
// must stay cheap when there is much of it, with the aim of each row, images what the import
// of an OVA adds. The fourth, clusters,
// has a row for each cluster with one control-plane node on a datacenter of its own; a
// refresh is a plan that has nothing to do. The fifth, addresses, is about the ledger alone:
// several clusters that claim addresses at once, each with a session of its own
// and none of them Terraform, and pools that are in use.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"time"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("benchmark: ")
	cli := flag.String("cli", "terraform", "path of terraform or tofu")
	provider := flag.String("provider", "", "path of the provider's binary")
	simulator := flag.String("simulator", "", "path of the simulated datacenter's binary")
	workers := flag.String("workers", "1,10,50,200", "numbers of workers")
	latency := flag.String("latency", "0s,20ms", "latencies of each vCenter call")
	parallel := flag.Int("parallel", 16, "max_parallel_operations of the provider")
	tables := flag.String("tables", "chain,scale,images,clusters,addresses", "what to measure")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, environment{*cli, *provider, *simulator, *parallel}, strings.Split(*tables, ","), *workers, *latency)
	stop()
	if err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, env environment, tables []string, workers, latencies string) error {
	var all []time.Duration
	for _, l := range strings.Split(latencies, ",") {
		latency, err := time.ParseDuration(l)
		if err != nil {
			return err
		}
		all = append(all, latency)
	}
	fmt.Printf("%d cores, %s/%s, max_parallel_operations = %d\n", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, env.parallel)
	for _, table := range tables {
		fmt.Println()
		var err error
		switch table {
		case "chain":
			err = env.chain(ctx)
		case "scale":
			err = env.scale(ctx)
		case "images":
			err = env.images(ctx)
		case "clusters":
			err = env.clusters(ctx, workers, all)
		case "addresses":
			err = env.addresses(ctx, all)
		default:
			err = fmt.Errorf("there is no table %q", table)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// clusters measures whole clusters.
func (e environment) clusters(ctx context.Context, workers string, latencies []time.Duration) error {
	fmt.Println("| workers | latency | create: calls (SOAP + REST) | a node | time " +
		"| refresh: calls | time | destroy: calls | time | provider's peak memory |")
	fmt.Println("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
	for _, latency := range latencies {
		for _, w := range strings.Split(workers, ",") {
			n, err := strconv.Atoi(w)
			if err != nil {
				return err
			}
			row, err := e.measure(ctx, n, latency)
			if err != nil {
				return fmt.Errorf("%d workers at %s: %w", n, latency, err)
			}
			fmt.Println(row)
		}
	}
	return nil
}

// phase is what one run of the CLI cost.
type phase struct {
	soap, rest int
	took       time.Duration
	peakKB     int
	cpu        time.Duration // of the provider
	reads      int           // SOAP calls that read properties
}

// polls are the reads of what is under way. How many there are depends on how long
// things take, and not on how many nodes there are. Those of a creation that are not polls
// are two each of the plan, of the plan in the apply and of the status after it, one of what
// the apply rests on, and one of the folder that it has made.
func (p phase) polls() int { return max(0, p.reads-8) }

func (p phase) calls() int { return p.soap + p.rest }

func row(workers int, latency time.Duration, create, refresh, destroy phase) string {
	nodes := workers + 1
	memory := "not measured on " + runtime.GOOS
	if peak := max(create.peakKB, refresh.peakKB, destroy.peakKB); peak > 0 {
		memory = fmt.Sprintf("%d MiB", peak/1024)
	}
	return fmt.Sprintf("| %d | %d ms | %d (%d + %d) | %.1f | %.1f s | %d | %.1f s | %d | %.1f s | %s |",
		workers, latency.Milliseconds(), create.calls(), create.soap, create.rest, float64(create.calls())/float64(nodes), create.took.Seconds(),
		refresh.calls(), refresh.took.Seconds(), destroy.calls(), destroy.took.Seconds(), memory)
}
