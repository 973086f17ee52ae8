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
	// does not report: nobody is there to use a longer one.
	unreachableGrace = 1 // s
	// unreachableWait is how long after its deletion a pod on such a node is
	// still waited for. Only its kubelet could confirm that it stopped.
	unreachableWait = 20 // s
)

// Drain cordons a node and evicts its pods through the eviction API, which
// honours disruption budgets; DaemonSet and static pods stay, emptyDir data is
// lost. It then waits until the volumes of those pods are detached. A node that
// is gone needs no draining. After the timeout the error is a *DrainError.
func (a *api) Drain(ctx context.Context, name string, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	node, err := a.clients.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return failed(ctx, err, "read the node %q", name)
	}
	helper := &drain.Helper{
		Ctx: ctx, Client: a.clients,
		Force:               true, // pods without a controller go too; the eviction API still guards them
		IgnoreAllDaemonSets: true,
		DeleteEmptyDirData:  true,
		GracePeriodSeconds:  -1, // each pod's own
		Out:                 io.Discard, ErrOut: io.Discard,
	}
	reachable := !unreachable(node)
	if !reachable {
		helper.GracePeriodSeconds = unreachableGrace
		helper.SkipWaitForDeleteTimeoutSeconds = unreachableWait
	}
	if err := a.cordon(ctx, node); err != nil {
		return err
	}
	eviction, err := drain.CheckEvictionSupport(a.clients)
	if err != nil {
		return failed(ctx, err, "ask the API server how to evict pods")
	}
	if eviction.Empty() {
		// Deleting pods instead would go past disruption budgets.
		return errors.New("unable to drain the node: the API server does not offer the eviction of pods")
	}

	problem := &DrainError{Node: name, Timeout: timeout}
	for {
		pods, err := evict(helper, name, eviction)
		if err != nil && !passing(err) && ctx.Err() == nil {
			return failed(ctx, err, "drain the node %q", name)
		}
		if err == nil && ctx.Err() == nil { // a round that the deadline cut short knows less than the one before
			problem.Pods = pods
		}
		if err == nil && len(pods) == 0 {
			if !reachable { // its volumes are freed when the VM is gone
				return nil
			}
			var volumes []string
			if volumes, err = a.attached(ctx, name); err == nil {
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
				problem.Err = fmt.Errorf("%w: %w", problem.Err, err) // nobody answered
			}
			return problem
		case <-time.After(a.interval):
		}
	}
}

// evict asks for the eviction of every pod that must leave the node and says
// which are still there and why. It keeps no memory between rounds: the API
// server knows which pods are on their way.
func evict(helper *drain.Helper, node string, eviction schema.GroupVersion) ([]BlockedPod, error) {
	list, errs := helper.GetPodsForDeletion(node)
	if len(errs) > 0 {
		return nil, utilerrors.Reduce(utilerrors.NewAggregate(errs))
	}
	var blocked []BlockedPod
	for _, pod := range list.Pods() {
		reason := "it is still terminating"
		if pod.DeletionTimestamp.IsZero() {
			err := helper.EvictPod(pod, eviction)
			if apierrors.IsNotFound(err) {
				continue
			}
			if err != nil {
				if !passing(err) && !terminatingNamespace(err) {
					return nil, err
				}
				reason = explain(err)
			}
		}
		blocked = append(blocked, BlockedPod{Namespace: pod.Namespace, Name: pod.Name, Reason: reason})
	}
	return blocked, nil
}

// terminatingNamespace tells the refusal to evict from a namespace that is
// being deleted: its pods go by themselves.
func terminatingNamespace(err error) bool {
	return apierrors.IsForbidden(err) && apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause)
}

// unreachable tells a node whose kubelet has stopped reporting from one that
// reports that it is not ready.
func unreachable(node *corev1.Node) bool {
	for _, c := range node.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status == corev1.ConditionUnknown
		}
	}
	return false
}
