package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
)

// clusterAPI is the cluster's API as the steps of a run share it: one connection,
// one wait for its first answer, one list of nodes a tick, and what joining nodes
// need.
type clusterAPI struct {
	cluster   string
	kube      model.Kube
	secrets   *model.Secrets
	record    *recordWriter
	addresses *addresses
	backends  *backends
	changes   *changes
	timing    model.Timing
	now       func() time.Time
	rand      io.Reader
	first     string // the node with which the control plane begins; empty: it runs
	report    func(context.Context, string)

	turn  chan struct{} // held while a step waits for the API, so that all wait once
	api   model.API
	ready bool  // it has answered in this run, and that is recorded
	err   error // it has not, in the time that it was given

	answered bool        // it has answered in this run
	answers  atomic.Bool // it is ready, for those who do not wait for it

	nodesMu sync.Mutex
	nodes   map[string]model.KubeNode
	listed  time.Time

	join joinSecrets
}

func newClusterAPI(r *Runner) *clusterAPI {
	c := &clusterAPI{
		cluster:   r.Spec.Name,
		kube:      r.Kube,
		secrets:   r.Secrets,
		record:    r.record,
		addresses: r.addresses,
		backends:  r.backends,
		changes:   r.changes,
		timing:    r.Timing,
		now:       r.Now,
		rand:      r.Rand,
		report: func(ctx context.Context, message string) {
			r.Progress.Note(ctx, model.Change{Action: model.RunApply, Target: r.Spec.Name}, message)
		},
		turn: make(chan struct{}, 1),
	}
	if r.World.API != nil {
		c.api = guardedAPI{API: r.World.API, check: r.changes.checkPatiently}
	}
	return c
}

// url is where the API answers.
func (c *clusterAPI) url() string { return c.addresses.endpoint().URL() }

// wait connects to the API and waits until it is ready, once for all steps of a
// run: where it does not answer in time, every step that needs it fails with that.
// The first answer ever is recorded: from there on the cluster is never built again
// from nothing.
func (c *clusterAPI) wait(ctx context.Context) (model.API, error) {
	release, err := c.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	if c.ready || c.err != nil {
		return c.api, c.err
	}
	if err := c.connect(); err != nil {
		return nil, err
	}
	if err := poll(ctx, c.timing, c.timing.APITimeout, c.api.Ready); err != nil {
		if ctx.Err() == nil {
			c.err = err
		}
		return nil, err
	}
	c.answered = true
	if err := c.recordAnswer(ctx); err != nil {
		return nil, err
	}
	if err := retry(ctx, c.timing, c.ensureAdmins); err != nil {
		return nil, err
	}
	c.isReady()
	return c.api, nil
}

// answersSoon reports whether the API is ready, or is about to be.
func (c *clusterAPI) answersSoon(ctx context.Context) bool {
	release, err := c.enter(ctx)
	if err != nil {
		return false
	}
	defer release()
	if c.ready || c.err != nil {
		return c.ready
	}
	return c.connect() == nil && poll(ctx, c.timing, c.timing.AnswerWait, c.api.Ready) == nil
}

// isReady notes that the API is ready. The turn is held.
func (c *clusterAPI) isReady() {
	c.ready = true
	c.answers.Store(true)
}

// ensureAdmins makes the binding from which administrators, the engine among them,
// have their rights, where it is missing: kubeadm makes it a moment after the API's
// first answer. Only for that is anything signed for system:masters, and it stays in
// memory.
func (c *clusterAPI) ensureAdmins(ctx context.Context) error {
	bound, err := c.api.AdminsBound(ctx)
	if err != nil || bound {
		return err
	}
	super, err := c.secrets.Authorities.SuperAdminKubeconfig(c.rand, c.cluster, c.url(), c.now())
	if err != nil {
		return fmt.Errorf("issue a certificate for the rights of administrators: %w", err)
	}
	masters, err := c.kube.Connect(super, pki.KeyPair{})
	if err != nil {
		return err
	}
	if err := c.changes.lease.Check(ctx); err != nil {
		return err
	}
	if err := masters.BindAdmins(ctx); err != nil {
		return err
	}
	return poll(ctx, c.timing, c.timing.CallTimeout, func(ctx context.Context) error {
		// The API server learns of a binding a moment after it was stored.
		bound, err := c.api.AdminsBound(ctx)
		if err == nil && !bound {
			err = errors.New("the rights of administrators are not in effect")
		}
		return err
	})
}

// recordAnswer records that the API has answered, and with it that the first node, which
// is what answers, is a member of etcd. No VM of a former control plane is to serve any more.
func (c *clusterAPI) recordAnswer(ctx context.Context) error {
	former := len(c.record.current().Former) > 0
	err := c.record.update(ctx, func(b *record.Cluster) {
		if !b.APIReached && c.first != "" {
			removeNodes(b.Pending, c.record.namesIn(b), func(name string) bool { return name == c.first })
		}
		b.APIReached = true
		b.Former = nil
	})
	if err != nil || !former {
		return err
	}
	return c.backends.tell(ctx, false)
}

// ensureRecorded records an answer that could not be recorded when it came, as while
// vCenter was away: what has answered once must not be taken for a failed creation.
func (c *clusterAPI) ensureRecorded(ctx context.Context) error {
	release, err := c.enter(ctx)
	if err != nil {
		return err
	}
	defer release()
	if !c.answered || c.record.apiReached() {
		return nil
	}
	return c.recordAnswer(ctx)
}

// enter takes the turn.
func (c *clusterAPI) enter(ctx context.Context) (release func(), err error) {
	select {
	case c.turn <- struct{}{}:
		return func() { <-c.turn }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (c *clusterAPI) connect() error {
	if c.api != nil {
		return nil
	}
	if err := c.issueKubeconfig(); err != nil {
		return err
	}
	api, err := c.kube.Connect(c.secrets.Kubeconfig, c.secrets.Authorities.Etcd)
	if err != nil {
		return err
	}
	c.api = guardedAPI{API: api, check: c.changes.checkPatiently}
	return nil
}

// issueKubeconfig issues the administrator's kubeconfig, which needs the endpoint.
func (c *clusterAPI) issueKubeconfig() error {
	if len(c.secrets.Kubeconfig) > 0 {
		return nil
	}
	config, err := c.secrets.Authorities.AdminKubeconfig(c.rand, c.cluster, c.url(), c.now())
	if err != nil {
		return fmt.Errorf("issue the kubeconfig: %w", err)
	}
	c.secrets.Kubeconfig = config
	return nil
}

// listNodes lists the cluster's nodes, at most once a tick.
func (c *clusterAPI) listNodes(ctx context.Context) (map[string]model.KubeNode, error) {
	return c.recentNodes(ctx, c.timing.Tick)
}

// recentNodes returns a list of the cluster's nodes that is not older than maxAge.
func (c *clusterAPI) recentNodes(ctx context.Context, maxAge time.Duration) (map[string]model.KubeNode, error) {
	api, err := c.wait(ctx)
	if err != nil {
		return nil, err
	}
	c.nodesMu.Lock()
	defer c.nodesMu.Unlock()
	if time.Since(c.listed) < maxAge {
		return c.nodes, nil
	}
	list, err := api.Nodes(ctx)
	if err != nil {
		return nil, err
	}
	c.nodes = make(map[string]model.KubeNode, len(list))
	c.listed = time.Now()
	for _, n := range list {
		c.nodes[n.Name] = n
	}
	return c.nodes, nil
}
