package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
)

// BootError is a node that did not become a member, with what its guest said.
type BootError struct {
	Cluster string // id
	Node    string
	Phase   string
	Why     string
	Log     string // the tail of the guest's log
}

func (e *BootError) Error() string {
	phase := e.Phase
	if phase == "" {
		phase = "none reported"
	}
	msg := fmt.Sprintf("node %s %s (last phase: %s)", e.Node, e.Why, phase)
	if e.Log == "" {
		return msg + ". The guest reported no log: see that the template has open-vm-tools and cloud-init with the VMware datasource, and look at the VM's console."
	}
	return msg + ". The end of its log:\n" + e.Log
}

// awaitJoin watches a node boot. The first node of the control plane is up when
// the API answers behind the VIP, any other when the API knows it.
func (n *newNode) awaitJoin(ctx context.Context) error {
	r := n.run
	bounded, cancel := context.WithTimeout(ctx, r.e.Timing.BootTimeout)
	defer cancel()
	last := BootError{Cluster: r.spec.ID, Node: n.name}
	var off time.Time // since when it was seen powered off, if it is
	err := r.watch.until(bounded, PollRequest{VMs: []string{n.vm}}, func(res *PollResult) (bool, error) {
		state, ok := res.VMs[n.vm]
		last.Phase, last.Log, n.userdata = state.Phase, state.LogTail, state.Userdata
		switch {
		case !ok || state.PoweredOn:
			off = time.Time{}
		case off.IsZero():
			off = time.Now()
		}
		switch {
		case res.Gone[n.vm]:
			last.Why = "was deleted while it booted"
			return false, &last
		case state.Phase == PhaseFailed:
			last.Why = "failed to join"
			return false, &last
		case !off.IsZero() && time.Since(off) > r.e.Timing.RetryBudget:
			// After a host's failure high availability takes a moment to start it
			// again; nobody else does.
			last.Why = "was powered off while it booted, and stays off"
			return false, &last
		default:
			return ok && state.Phase == PhaseJoined, nil
		}
	})
	if err != nil && ctx.Err() == nil && bounded.Err() != nil {
		last.Why = fmt.Sprintf("did not join within %s", r.e.Timing.BootTimeout)
		return &last
	}
	if err != nil {
		return err
	}
	if n.step.first {
		return r.firstAnswer(ctx)
	}
	return r.poll(ctx, r.e.Timing.APITimeout, func(ctx context.Context) error { return r.registered(ctx, n.name) })
}

// firstAnswer waits until the API answers for the first time.
func (r *run) firstAnswer(ctx context.Context) error {
	if _, err := r.waitAPI(ctx); err != nil {
		return fmt.Errorf("the API behind the VIP does not answer; see that %s is reachable from here, or set cluster_proxy_url: %w", r.endpointURL(), err)
	}
	return nil
}

// changeAPI is the cluster's API for one change, under the lock.
func (r *run) changeAPI(ctx context.Context) (API, error) {
	api, err := r.waitAPI(ctx)
	if err != nil {
		return nil, err
	}
	return api, r.lease.Check(ctx)
}

// waitAPI connects to the cluster's API and waits until it is ready, once for all
// steps of a run: where it does not come, every step that needs it fails with
// that. The first answer ever is written down: from there on the cluster is never
// built again from nothing.
func (r *run) waitAPI(ctx context.Context) (API, error) {
	r.apiMu.Lock()
	defer r.apiMu.Unlock()
	if r.apiReady || r.apiErr != nil {
		return r.api, r.apiErr
	}
	if r.api == nil {
		if err := r.makeKubeconfig(); err != nil {
			return nil, err
		}
		api, err := r.e.Kube.Connect(r.req.Secrets.Kubeconfig)
		if err != nil {
			return nil, err
		}
		r.api = api
	}
	if err := r.poll(ctx, r.e.Timing.APITimeout, r.api.Ready); err != nil {
		if ctx.Err() == nil {
			r.apiErr = err
		}
		return nil, err
	}
	r.apiReady = true
	return r.api, r.change(ctx, func(ctx context.Context) error {
		return r.record.update(ctx, func(b *record.Cluster) { b.APIReached = true })
	})
}

// renewKubeconfig makes another kubeconfig for the administrator from the same
// authorities. The one before it works until it expires.
func (r *run) renewKubeconfig() error {
	r.apiMu.Lock()
	defer r.apiMu.Unlock()
	r.req.Secrets.Kubeconfig, r.api = nil, nil
	return r.makeKubeconfig()
}

// makeKubeconfig makes the administrator's kubeconfig as soon as the endpoint is
// known.
func (r *run) makeKubeconfig() error {
	if len(r.req.Secrets.Kubeconfig) > 0 {
		return nil
	}
	config, err := r.req.Secrets.Authorities.AdminKubeconfig(r.e.rand(), r.spec.Name, r.endpointURL(), r.e.now())
	if err != nil {
		return fmt.Errorf("make the kubeconfig: %w", err)
	}
	r.req.Secrets.Kubeconfig = config
	return nil
}

// registered tells whether the API knows the node. Nodes that wait at the same
// time share one list.
func (r *run) registered(ctx context.Context, name string) error {
	nodes, err := r.nodes(ctx)
	if err != nil {
		return err
	}
	if _, ok := nodes[name]; !ok {
		return fmt.Errorf("node %s reports that it has joined, and the API does not know it", name)
	}
	return nil
}

// nodes lists the cluster's nodes, at most once a tick.
func (r *run) nodes(ctx context.Context) (map[string]KubeNode, error) {
	api, err := r.waitAPI(ctx)
	if err != nil {
		return nil, err
	}
	r.join.mu.Lock()
	defer r.join.mu.Unlock()
	if time.Since(r.join.listed) < r.e.Timing.Tick {
		return r.join.nodes, nil
	}
	list, err := api.Nodes(ctx)
	if err != nil {
		return nil, err
	}
	r.join.nodes, r.join.listed = map[string]KubeNode{}, time.Now()
	for _, n := range list {
		r.join.nodes[n.Name] = n
	}
	return r.join.nodes, nil
}

// joiner hands out what joining nodes need and takes it back at the end: one
// short-lived token and one certificate key a run.
type joiner struct {
	run     *run
	mu      sync.Mutex
	current string
	expires time.Time
	made    []string
	key     string
	nodes   map[string]KubeNode
	listed  time.Time
}

// token makes a token when there is none with at least half of its life left.
func (j *joiner) token(ctx context.Context) (token, caHash string, err error) {
	if caHash, err = j.run.req.Secrets.Authorities.CAHash(); err != nil {
		return "", "", err
	}
	api, err := j.run.waitAPI(ctx)
	if err != nil {
		return "", "", err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	life, now := j.run.e.Timing.TokenLife, j.run.e.now()
	if j.current != "" && j.expires.Sub(now) > life/2 {
		return j.current, caHash, nil
	}
	if token, err = pki.NewToken(j.run.e.rand()); err != nil {
		return "", "", err
	}
	j.made = append(j.made, token)
	if err := j.run.e.Timing.retry(ctx, func(ctx context.Context) error { return api.PutToken(ctx, token, now.Add(life)) }); err != nil {
		return "", "", fmt.Errorf("make a bootstrap token: %w", err)
	}
	j.current, j.expires = token, now.Add(life)
	return token, caHash, nil
}

// certificateKey stores the authorities in the cluster, encrypted, as kubeadm's
// upload-certs does, for the time of this run.
func (j *joiner) certificateKey(ctx context.Context) (string, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.key != "" {
		return j.key, nil
	}
	key, err := pki.NewCertificateKey(j.run.e.rand())
	if err != nil {
		return "", err
	}
	data, err := j.run.req.Secrets.Authorities.EncryptedCertificates(j.run.e.rand(), key)
	if err != nil {
		return "", err
	}
	if err := j.run.api.PutCertificates(ctx, data); err != nil {
		return "", fmt.Errorf("store the certificates for the next control-plane node: %w", err)
	}
	j.key = key
	return key, nil
}

// cleanUp deletes tokens and certificates, also after a failure. What cannot be
// deleted expires by itself.
func (j *joiner) cleanUp(ctx context.Context) {
	j.mu.Lock()
	defer j.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), j.run.e.Timing.CallTimeout)
	defer cancel()
	var errs []error
	for _, token := range j.made {
		errs = append(errs, j.run.api.DeleteToken(ctx, token))
	}
	if j.key != "" {
		errs = append(errs, j.run.api.DeleteCertificates(ctx))
	}
	if err := errors.Join(errs...); err != nil {
		j.run.report(ctx, Change{ActionCreateNode, j.run.spec.Name}, "the bootstrap tokens could not be deleted and expire by themselves: "+err.Error())
	}
}
