package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/kubectl/pkg/drain"
)

const (
	// unreachableGrace is the termination grace of pods on a node whose kubelet
	// does not report and so can't use a longer one.
	unreachableGrace = 1 // s
	// unreachableWait is the longest wait for a deleted pod on such a node. Only
	// its kubelet could confirm that it stopped. Kubectl's drain measures it by the
	// cluster's clock, which may be another than ours.
	unreachableWait = 20 // s
)

// Drain cordons a node and evicts its pods through the eviction API, which
// honours disruption budgets; DaemonSet and static pods stay, emptyDir data is
// lost. It then waits until the volumes of those pods are detached. A node that
// does not exist is success. After the timeout the error is a *DrainError.
func (a *api) Drain(ctx context.Context, name, vm string, timeout time.Duration) error {
	return a.drain(ctx, name, vm, timeout, false)
}

// DrainToRestart is Drain for a node that stays, and is marked as one.
func (a *api) DrainToRestart(ctx context.Context, name string, timeout time.Duration) error {
	return a.drain(ctx, name, "", timeout, true)
}

func (a *api) drain(ctx context.Context, name, vm string, timeout time.Duration, restart bool) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	node, err := a.clients.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return failed(ctx, err, "read the node %q", name)
	}

	if err := a.cordon(ctx, node, vm, restart); err != nil {
		return err
	}
	eviction, err := drain.CheckEvictionSupport(a.clients)
	if err != nil {
		return failed(ctx, err, "discover the eviction API")
	}
	if eviction.Empty() {
		// Deleting pods instead would bypass disruption budgets.
		return errors.New("unable to drain the node: the API server does not support the eviction of pods")
	}
	d := draining{api: a, node: name, eviction: eviction}
	d.judge(ctx, node)
	return d.run(ctx, timeout)
}

// draining is the drain of one cordoned node.
type draining struct {
	*api
	node      string
	helper    *drain.Helper
	eviction  schema.GroupVersion
	reachable bool
	// overdueAt is when a pod that was seen terminating on the node while that was
	// unreachable is not waited for any more, by our clock.
	overdueAt map[string]time.Time
}

// judge notes whether the node is reachable, which may change while it is drained.
func (d *draining) judge(ctx context.Context, node *corev1.Node) {
	reachable := !unreachable(node)
	if d.helper != nil && d.reachable == reachable {
		return
	}
	d.reachable = reachable
	d.helper = d.newHelper(ctx)
	d.overdueAt = map[string]time.Time{}
}

// judgeAgain is judge with the node as it is now; where it cannot be read, it stays as it
// was.
func (d *draining) judgeAgain(ctx context.Context) {
	if node, err := d.clients.CoreV1().Nodes().Get(ctx, d.node, metav1.GetOptions{}); err == nil {
		d.judge(ctx, node)
	}
}

func (d *draining) newHelper(ctx context.Context) *drain.Helper {
	helper := &drain.Helper{
		Ctx:                 ctx,
		Client:              d.clients,
		Force:               true, // pods without a controller too; the eviction API still guards them
		IgnoreAllDaemonSets: true,
		DeleteEmptyDirData:  true,
		GracePeriodSeconds:  -1, // each pod's own
		Out:                 io.Discard,
		ErrOut:              io.Discard,
	}
	if !d.reachable {
		helper.GracePeriodSeconds = unreachableGrace
		helper.SkipWaitForDeleteTimeoutSeconds = unreachableWait
	}
	return helper
}

// run evicts until the node holds neither pods nor their volumes.
func (d *draining) run(ctx context.Context, timeout time.Duration) error {
	problem := &DrainError{Node: d.node, Timeout: timeout}
	for {
		pods, err := d.evict()
		if err != nil && !transient(err) && ctx.Err() == nil {
			return failed(ctx, err, "drain the node %q", d.node)
		}
		if err == nil && ctx.Err() == nil { // a round that the deadline interrupted is incomplete
			problem.Pods = pods
		}
		if err == nil && len(pods) == 0 {
			var volumes []string
			if volumes, err = d.volumes(ctx); err == nil {
				if len(volumes) == 0 {
					return nil
				}
				problem.Volumes = volumes
			}
		}

		select {
		case <-ctx.Done():
			problem.Err = context.Cause(ctx)
			if len(problem.Pods)+len(problem.Volumes) == 0 && err != nil {
				problem.Err = fmt.Errorf("%w: %w", problem.Err, err) // the API was unreachable
			}
			return problem
		case <-time.After(d.interval):
		}
		d.judgeAgain(ctx)
	}
}

// volumes lists the attached volumes to wait for. Those of an unreachable node
// are detached when its VM is deleted.
func (d *draining) volumes(ctx context.Context) ([]string, error) {
	if !d.reachable {
		return nil, nil
	}
	return d.attached(ctx, d.node)
}

// evict requests the eviction of every pod that must leave the node and returns
// those that are still there. The API server knows which pods are terminating.
func (d *draining) evict() ([]BlockedPod, error) {
	list, errs := d.helper.GetPodsForDeletion(d.node)
	if len(errs) > 0 {
		return nil, utilerrors.Reduce(utilerrors.NewAggregate(errs))
	}

	var blocked []BlockedPod
	for _, pod := range list.Pods() {
		reason := "it is still terminating"
		if pod.DeletionTimestamp.IsZero() {
			err := d.helper.EvictPod(pod, d.eviction)
			if apierrors.IsNotFound(err) {
				continue
			}
			if err != nil {
				if !transient(err) && !terminatingNamespace(err) {
					return nil, err
				}
				reason = explain(err)
			}
		} else if d.overdue(pod) {
			continue
		}
		blocked = append(blocked, BlockedPod{Namespace: pod.Namespace, Name: pod.Name, Reason: reason})
	}
	return blocked, nil
}

// overdue reports whether a terminating pod is not waited for any more, since its kubelet
// will not say that it has stopped.
func (d *draining) overdue(pod corev1.Pod) bool {
	if d.reachable {
		return false
	}
	key := pod.Namespace + "/" + pod.Name
	if _, seen := d.overdueAt[key]; !seen {
		d.overdueAt[key] = time.Now().Add(unreachableWait * time.Second)
	}
	return time.Now().After(d.overdueAt[key])
}

// terminatingNamespace reports whether an eviction was refused because the
// pod's namespace is being deleted, and the pod with it.
func terminatingNamespace(err error) bool {
	return apierrors.IsForbidden(err) && apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause)
}

// unreachable reports whether the node's kubelet has stopped reporting, other
// than one that reports that it is not ready.
func unreachable(node *corev1.Node) bool {
	for _, c := range node.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status == corev1.ConditionUnknown
		}
	}
	return false
}
