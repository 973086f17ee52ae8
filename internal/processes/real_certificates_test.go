//go:build real

package processes_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// turn is when a node restarted its control plane to renew its certificates.
type turn struct {
	node         string
	began, ended time.Time
}

// certificatesTakeTurns lets one certificate of each control-plane node be at its end, and has
// all nodes renew at the same moment. They restart one after the other, each once, while a
// client behind the VIP goes on; three members of etcd are in health afterwards.
func (d *datacenter) certificatesTakeTurns(w *workspace, controlPlanes []string) {
	d.t.Helper()
	const due = "/etc/kubernetes/pki/front-proxy-client.crt" // no request waits for it
	for _, name := range controlPlanes {
		// It begins five minutes early, so that less than half of its life is left.
		d.shell(name, `printf 'apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\ncertificateValidityPeriod: 1s\n`+
			`kubernetesVersion: '"$(kubeadm version -o short)"'\n' >/root/over.yaml
			kubeadm certs renew front-proxy-client --config /root/over.yaml`)
	}
	client := d.client(w)
	logs := make([]string, len(controlPlanes))
	started := time.Now()
	var all sync.WaitGroup
	for i, name := range controlPlanes {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(d.t.Context(), patience)
			defer cancel()
			out, err := d.Machines().Run(ctx, name, "bash", "-c", `set -o pipefail; GANTRY_PAUSE=2 /etc/gantry/certificates.sh 2>&1 |
				while IFS= read -r line; do echo "$(date +%s.%N) $line"; done`)
			logs[i] = string(out)
			if err != nil {
				logs[i] += "\n" + err.Error()
			}
		})
	}
	all.Wait()
	client.stop()
	d.t.Logf("three nodes renewed one after the other in %s; the longest time without an answer %s, without a write %s",
		time.Since(started).Round(time.Second), client.longest[read].Round(100*time.Millisecond),
		client.longest[write].Round(100*time.Millisecond))

	turns := make([]turn, 0, len(controlPlanes))
	for i, name := range controlPlanes {
		one, err := turnOf(name, logs[i])
		if err != nil {
			d.t.Fatalf("%v\n%s", err, strings.Join(logs, "\n"))
		}
		turns = append(turns, one)
		if out, err := d.inside(name, "openssl", "x509", "-noout", "-checkend", "86400", "-in", due); err != nil {
			d.t.Errorf("the certificate of %s was not renewed: %s (%v)", name, out, err)
		}
	}
	slices.SortFunc(turns, func(a, b turn) int { return a.began.Compare(b.began) })
	for i, one := range turns[1:] {
		if one.began.Before(turns[i].ended) {
			d.t.Errorf("%s restarted before %s was back:\n%s", one.node, turns[i].node, strings.Join(logs, "\n"))
		}
	}
	for what, longest := range client.longest {
		if longest > longestGap {
			d.t.Errorf("no %s worked for %s", what, longest)
		}
	}
	if client.lost {
		d.t.Error("a write that was acknowledged is gone")
	}
	lease, err := d.api(w).CoordinationV1().Leases(metav1.NamespaceSystem).Get(d.t.Context(), "gantry-certificates", metav1.GetOptions{})
	if err != nil || lease.Spec.HolderIdentity != nil && *lease.Spec.HolderIdentity != "" {
		d.t.Errorf("the Lease is still held: %+v (%v)", lease, err)
	}
	d.engineReachesEtcd(w, controlPlanes)
	api := d.administrator(w)
	d.eventually("the control plane is Ready", func(ctx context.Context) error {
		pods, err := api.ControlPlanePods(ctx)
		for _, pod := range pods {
			if !pod.Ready {
				err = errors.Join(err, fmt.Errorf("%s on %s", pod.Component, pod.Node))
			}
		}
		return err
	})
	w.nothingToDo()
}

// turnOf reads a turn from what the script has said, one line after its time.
func turnOf(node, log string) (turn, error) {
	one := turn{node: node}
	for line := range strings.Lines(log) {
		at, said, _ := strings.Cut(strings.TrimSpace(line), " ")
		seconds, err := strconv.ParseFloat(at, 64)
		if err != nil {
			continue
		}
		when := time.UnixMilli(int64(seconds * 1000))
		switch {
		case strings.HasPrefix(said, "stopping kube-vip"):
			if !one.began.IsZero() {
				return turn{}, fmt.Errorf("%s restarted twice", node)
			}
			one.began = when
		case strings.HasPrefix(said, "all of the control plane has restarted"):
			one.ended = when
		case strings.Contains(said, "renews alone"):
			return turn{}, fmt.Errorf("%s did not wait for its turn", node)
		}
	}
	if one.began.IsZero() || one.ended.IsZero() {
		return turn{}, fmt.Errorf("%s was not done with its turn", node)
	}
	return one, nil
}
