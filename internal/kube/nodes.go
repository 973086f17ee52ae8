package kube

import (
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/printable"
)

// readyTimeout bounds one request of /readyz, so that a VIP that no node holds
// yet takes little of the caller's timeout.
const readyTimeout = 10 * time.Second

// Ready requests /readyz once.
func (a *api) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	body, err := a.clients.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
	if err != nil {
		// The body of a refusal lists some thirty checks; those that failed matter.
		if failing := failingChecks(string(body)); failing != "" {
			return &Error{
				Action: "reach a ready API server", Err: fmt.Errorf("%w: %s", model.ErrNotReady, failing), transient: ctx.Err() == nil,
			}
		}
		return failed(ctx, err, "reach a ready API server")
	}
	return nil
}

// failingChecks returns the failed checks in a response of /readyz.
func failingChecks(body string) string {
	var failing []string
	for line := range strings.Lines(body) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "[-]") {
			failing = append(failing, line)
		}
	}
	return strings.Join(failing, ", ")
}

// Nodes lists all nodes of the cluster.
func (a *api) Nodes(ctx context.Context) ([]model.KubeNode, error) {
	list, err := a.clients.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, failed(ctx, err, "list the nodes")
	}
	nodes := make([]model.KubeNode, 0, len(list.Items))
	for i := range list.Items {
		if item := &list.Items[i]; len(validation.IsDNS1123Subdomain(item.Name)) == 0 {
			nodes = append(nodes, fromNode(item))
		}
	}
	return nodes, nil
}

// controlPlaneLabel is what kubeadm sets on a control-plane node at the end of its init
// or join.
const controlPlaneLabel = "node-role.kubernetes.io/control-plane"

// maxWord and maxReason bound what a node says about itself.
const (
	maxWord   = 100
	maxReason = 300
)

// DeleteNode deletes the node object; an absent one is success.
func (a *api) DeleteNode(ctx context.Context, name string) error {
	err := a.clients.CoreV1().Nodes().Delete(ctx, name, metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return failed(ctx, err, "delete the node %q", name)
}

// vmReference is what VMAnnotation may hold: users can write what they like into it.
var vmReference = regexp.MustCompile(`^VirtualMachine:[\w-]{1,64}$`)

func fromNode(n *corev1.Node) model.KubeNode {
	node := model.KubeNode{
		Name:          n.Name,
		Version:       printable.Line(n.Status.NodeInfo.KubeletVersion, maxWord),
		ProviderID:    printable.Line(n.Spec.ProviderID, maxWord),
		Unschedulable: n.Spec.Unschedulable,
		Cordoned:      n.Annotations[CordonedAnnotation] != "" && !restarts(n.Annotations[CordonedAnnotation]),
		Restarts:      restarts(n.Annotations[CordonedAnnotation]),
		NodeMeta:      model.NodeMeta{Labels: n.Labels, Annotations: n.Annotations},
		Managed:       readManaged(n).meta(n),
	}
	if vm := n.Annotations[VMAnnotation]; node.Cordoned && vmReference.MatchString(vm) {
		node.VM = vm
	}
	_, node.ControlPlane = n.Labels[controlPlaneLabel]
	node.Ready, node.Reason = nodeReady(n)
	node.Problems = problems(n)
	if end, err := time.Parse(time.RFC3339, n.Annotations[bootstrap.CertificatesExpire]); err == nil {
		node.CertificatesExpire = end
	}
	if !node.Ready {
		node.NotReadySince = notReadySince(n)
	}
	for _, t := range n.Spec.Taints {
		node.Taints = append(node.Taints, fromTaint(t))
	}
	for _, address := range n.Status.Addresses {
		if address.Type != corev1.NodeInternalIP && address.Type != corev1.NodeExternalIP {
			continue
		}
		if ip, err := netip.ParseAddr(address.Address); err == nil {
			node.Addresses = append(node.Addresses, ip)
		}
	}
	return node
}

// notReadySince returns when a node that is not Ready was it last, or registered.
func notReadySince(n *corev1.Node) time.Time {
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady && !c.LastTransitionTime.IsZero() {
			return c.LastTransitionTime.UTC()
		}
	}
	return n.CreationTimestamp.UTC()
}

// problemConditions are those of Kubernetes that are True where something is wrong. Others
// are of whoever sets them, and may mean the opposite.
var problemConditions = []corev1.NodeConditionType{
	corev1.NodeMemoryPressure, corev1.NodeDiskPressure, corev1.NodePIDPressure, corev1.NodeNetworkUnavailable,
}

// problems returns what is wrong with a node beside its not being Ready. What is not known
// is none: then the node is not Ready.
func problems(n *corev1.Node) []string {
	var all []string
	for _, c := range n.Status.Conditions {
		if c.Status == corev1.ConditionTrue && slices.Contains(problemConditions, c.Type) {
			all = append(all, printable.Line(strings.Trim(string(c.Type)+": "+c.Message, ": "), maxReason))
		}
	}
	slices.Sort(all)
	return all
}

// nodeReady returns the condition Ready. A new node has none yet.
func nodeReady(n *corev1.Node) (ready bool, reason string) {
	for _, c := range n.Status.Conditions {
		if c.Type != corev1.NodeReady {
			continue
		}
		if c.Status == corev1.ConditionTrue {
			return true, ""
		}
		return false, printable.Line(strings.Trim(c.Reason+": "+c.Message, ": "), maxReason)
	}
	return false, "its kubelet has not reported yet"
}
