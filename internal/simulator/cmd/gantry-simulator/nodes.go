package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/kube"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
)

// runNodes is the subcommand nodes: it lists the nodes of a cluster as kubectl
// would, for users without kubectl.
func runNodes(args []string) error {
	flags := flag.NewFlagSet("nodes", flag.ContinueOnError)
	file := flags.String("kubeconfig", "", "kubeconfig `file` of the cluster")
	proxy := flags.String("proxy", "", "`URL` of the HTTP CONNECT proxy into the simulated guest network")
	if err := flags.Parse(args); err != nil {
		return err
	}
	kubeconfig, err := os.ReadFile(*file)
	if err != nil {
		return fmt.Errorf("unable to read the kubeconfig: %w", err)
	}
	api, err := kube.New(kube.Options{ProxyURL: *proxy}).Connect(kubeconfig, pki.KeyPair{})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := api.Ready(ctx); err != nil {
		return err
	}
	nodes, err := api.Nodes(ctx)
	if err != nil {
		return err
	}
	return printNodes(os.Stdout, nodes)
}

func printNodes(out io.Writer, nodes []model.KubeNode) error {
	table := tabwriter.NewWriter(out, 0, 8, 3, ' ', 0)
	fmt.Fprintln(table, "NAME\tSTATUS\tROLES\tVERSION\tINTERNAL-IP\tZONE")
	for _, n := range nodes {
		addresses := make([]string, 0, len(n.Addresses))
		for _, a := range n.Addresses {
			addresses = append(addresses, a.String())
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n",
			n.Name, status(n), roles(n), n.Version,
			dash(strings.Join(addresses, ",")), dash(n.Labels["topology.kubernetes.io/zone"]))
	}
	return table.Flush()
}

func status(n model.KubeNode) string {
	s := "NotReady"
	if n.Ready {
		s = "Ready"
	}
	if n.Unschedulable {
		s += ",SchedulingDisabled"
	}
	return s
}

func roles(n model.KubeNode) string {
	var list []string
	for label := range n.Labels {
		if role, ok := strings.CutPrefix(label, "node-role.kubernetes.io/"); ok {
			list = append(list, role)
		}
	}
	slices.Sort(list)
	if len(list) == 0 {
		return "<none>"
	}
	return strings.Join(list, ",")
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
