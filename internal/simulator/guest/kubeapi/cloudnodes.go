package kubeapi

import (
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/cpi"
)

const (
	// TaintUninitialized stays on a node whose kubelet waits for a cloud
	// provider until that provider has seen the node.
	TaintUninitialized = "node.cloudprovider.kubernetes.io/uninitialized"
	// AnnotationProvidedIP is the address that a kubelet was started with, for the cloud
	// provider.
	AnnotationProvidedIP = "alpha.kubernetes.io/provided-node-ip"

	taintShutdown    = "node.cloudprovider.kubernetes.io/shutdown"
	providerIDPrefix = "vsphere://"
)

// Machines are the VMs of the nodes that a cluster ever had, by node name, and the
// vCenter in which a cloud provider looks for them.
type Machines struct {
	Cloud cpi.Cloud
	VMs   func() map[string]cpi.Machine
}

// runCloudController is the cloud provider, where a pod of it runs on a control-plane
// node: of several one leads.
func (p *pass) runCloudController() {
	for node, pods := range p.pods {
		if _, alive := p.kubelets[node]; !alive {
			continue
		}
		for _, pod := range pods {
			if !isCloudController(pod) || !ready(pod) {
				continue
			}
			process, err := p.startCloudController(pod)
			if err == nil {
				p.cloudNodes(process)
				return
			}
			p.crash(pod, err) // its configuration was changed
		}
	}
}

// cloudNodes is one round of the controllers of nodes and of their life.
func (p *pass) cloudNodes(c *cloudController) {
	if p.env.Machines.VMs == nil || p.may(c.user, "", "nodes", "", "get", "list", "watch", "update", "patch") != nil {
		return
	}
	machines := p.env.Machines.VMs()
	for _, n := range p.nodes {
		m, exists := machines[n.GetName()]
		if hasTaint(n, TaintUninitialized) {
			if exists && m.On {
				p.initialize(c, n, m)
			}
			continue
		}
		p.followMachine(c, n, m, exists)
	}
}

// followMachine taints the node of a VM that is off, and deletes that of one that is gone.
func (p *pass) followMachine(c *cloudController, n *Object, m cpi.Machine, exists bool) {
	known := textAt(n, "spec", "providerID") != ""
	switch isReady := conditionStatus(n, "Ready") == "True"; {
	case !isReady && known && !exists:
		if p.may(c.user, "", "nodes", "", "delete") == nil {
			p.drop(Nodes, n)
		}
	case isReady, !isReady && known && !m.On:
		_, _ = p.Change(Nodes, "", n.GetName(), func(o *Object) error {
			setTaint(o, taintShutdown, "NoSchedule", !isReady)
			return nil
		})
	}
}

func conditionStatus(o *Object, kind string) string {
	for _, c := range mapsAt(o, "status", "conditions") {
		if c["type"] == kind {
			status, _ := c["status"].(string)
			return status
		}
	}
	return ""
}

// initialize writes what vCenter says of a node's VM, and takes the taint off. Where
// anything of it fails, the node stays as it is, and is tried again.
func (p *pass) initialize(c *cloudController, n *Object, m cpi.Machine) {
	secret := func(namespace, name string) (map[string][]byte, error) {
		if err := p.may(c.user, "", "secrets", namespace, "list", "watch"); err != nil {
			return nil, err
		}
		return p.secretData(namespace, name)
	}
	instance, vc, err := c.config.Find(p.env.Machines.Cloud, m.ID, secret)
	if err != nil {
		return
	}
	addresses, err := vc.NodeAddresses(m, n.GetAnnotations()[AnnotationProvidedIP])
	if err != nil || m.HostName != n.GetName() {
		return
	}
	patches := p.may(c.user, "", "nodes/status", "", "patch") == nil // asks the store
	_, _ = p.Change(Nodes, "", n.GetName(), func(o *Object) error {
		if o.GetUID() != n.GetUID() {
			return errors.New("another node of this name")
		}
		if textAt(o, "spec", "providerID") == "" {
			set(o, providerIDPrefix+m.UUID, "spec", "providerID")
		}
		labels := o.GetLabels()
		for key, value := range cloudLabels(instance) {
			labels[key] = value
		}
		o.SetLabels(labels)
		setTaint(o, TaintUninitialized, "NoSchedule", false)
		if !patches {
			return nil
		}
		return setAddresses(o, addresses)
	})
}

func cloudLabels(i cpi.Instance) map[string]string {
	labels := map[string]string{corev1.LabelInstanceType: i.Type(), corev1.LabelInstanceTypeStable: i.Type()}
	if i.Zone != "" {
		labels[corev1.LabelFailureDomainBetaZone] = i.Zone
		labels[corev1.LabelTopologyZone] = i.Zone
	}
	if i.Region != "" {
		labels[corev1.LabelFailureDomainBetaRegion] = i.Region
		labels[corev1.LabelTopologyRegion] = i.Region
	}
	return labels
}

func setAddresses(o *Object, addresses []corev1.NodeAddress) error {
	list := make([]any, 0, len(addresses))
	for i := range addresses {
		m, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&addresses[i])
		if err != nil {
			return fmt.Errorf("an address of a node: %w", err)
		}
		list = append(list, m)
	}
	set(o, list, "status", "addresses")
	return nil
}

// crash has a container of a pod end at its start, again and again.
func (p *pass) crash(pod *Object, why error) {
	p.changePod(pod, func(o *Object) {
		set(o, "Running", "status", "phase")
		var containers []any
		for _, c := range mapsAt(o, "spec", "containers") {
			containers = append(containers, map[string]any{
				"name": c["name"], "image": c["image"], "imageID": "", "ready": false, "started": false, "restartCount": int64(1),
				"state":     map[string]any{"waiting": map[string]any{"reason": "CrashLoopBackOff", "message": why.Error()}},
				"lastState": map[string]any{"terminated": map[string]any{"exitCode": int64(1), "reason": "Error"}},
			})
		}
		set(o, containers, "status", "containerStatuses")
		for _, kind := range []string{"ContainersReady", "Ready"} {
			p.setCondition(o, kind, "False", "ContainersNotReady", "")
		}
	})
}
