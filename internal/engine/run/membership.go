package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// errNotAnswered is the end of waiting for an API: another attempt is of no use.
var errNotAnswered = errors.New("the API cannot be used in this run")

// waitJoined waits until the API says that a node is a member of the cluster. When ctx
// ends, it returns why the API did not say so. Nodes that wait at the same time share
// their lists. Of a first node that resumes it is enough that its API knows it: kubeadm init
// does not begin a second time, and may never have come to its end.
func (c *clusterAPI) waitJoined(ctx context.Context, s model.CreateNode, resumes bool) error {
	pause := c.timing.Tick
	last := errors.New("its API was not reached")
	for {
		err := c.isJoined(ctx, s, resumes, min(pause/2, c.timing.MaxTick/3))
		if err == nil || errors.Is(err, errNotAnswered) {
			return err
		}
		if ctx.Err() == nil {
			last = err
			Waiting(ctx, "its node to join: "+err.Error())
		}
		select {
		case <-ctx.Done():
			return last
		case <-time.After(pause):
		}
		// It is seen at most a quarter later than it is so, the age of the list included: the
		// next node of the control plane waits for it.
		pause = min(pause*9/8, c.timing.MaxTick)
	}
}

// isJoined returns nil where a node is a member, or why it cannot be said to be one, by a
// list of nodes that is not older than maxAge.
func (c *clusterAPI) isJoined(ctx context.Context, s model.CreateNode, resumes bool, maxAge time.Duration) error {
	if s.First {
		if err := c.askFirst(ctx); err != nil {
			return err
		}
	}
	nodes, err := c.recentNodes(ctx, maxAge)
	if err != nil {
		if c.failed(ctx) {
			return fmt.Errorf("%w: %w", errNotAnswered, err)
		}
		return err
	}
	node, known := nodes[s.Node]
	if !known {
		return errors.New("the API does not know it")
	}
	if s.NodePool.ControlPlane() && !node.ControlPlane && !resumes {
		return errors.New("the API does not know it as a control-plane node yet")
	}
	return nil
}

// askFirst asks the API of the first node once: until that has booted there is nothing
// to wait for.
func (c *clusterAPI) askFirst(ctx context.Context) error {
	release, err := c.enter(ctx)
	if err != nil {
		return err
	}
	defer release()
	if c.ready {
		return nil
	}
	if err := c.connect(); err != nil {
		return err
	}
	if err := c.api.Ready(ctx); err != nil {
		return fmt.Errorf("the API behind the %s does not answer; check that %s is reachable from here, or set cluster_proxy_url: %w",
			c.addresses.endpoint().Kind, c.url(), err)
	}
	c.answered = true
	if err := c.recordAnswer(ctx); err != nil {
		return fmt.Errorf("%w: %w", errNotAnswered, err)
	}
	c.isReady()
	return nil
}

// failed reports whether the API did not answer in the time that it was given.
func (c *clusterAPI) failed(ctx context.Context) bool {
	release, err := c.enter(ctx)
	if err != nil {
		return false
	}
	defer release()
	return c.err != nil
}
