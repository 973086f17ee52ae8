package kubeapi

import (
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	taintNotReady      = "node.kubernetes.io/not-ready"
	taintUnreachable   = "node.kubernetes.io/unreachable"
	taintUnschedulable = "node.kubernetes.io/unschedulable"
)

// runNodes is the node lifecycle controller together with what each kubelet
// says about itself.
func (p *pass) runNodes() {
	cidrs := map[string]bool{}
	for _, n := range p.nodes {
		cidrs[textAt(n, "spec", "podCIDR")] = true
	}
	for _, n := range p.nodes {
		kubelet, alive := p.kubelets[n.GetName()]
		_, _ = p.Change(Nodes, "", n.GetName(), func(o *Object) error {
			p.nodeConditions(o, alive)
			for kind, message := range kubelet.Problems {
				p.nodeProblem(o, kind, message)
			}
			if textAt(o, "spec", "podCIDR") == "" {
				if cidr := firstFree(p.env.PodCIDRs, cidrs); cidr != "" {
					cidrs[cidr] = true
					set(o, cidr, "spec", "podCIDR")
					set(o, []any{cidr}, "spec", "podCIDRs")
				}
			}
			unschedulable, _ := at(o, "spec", "unschedulable").(bool)
			setTaint(o, taintUnschedulable, "NoSchedule", unschedulable)
			return nil
		})
	}
}

func (p *pass) nodeProblem(o *Object, kind, message string) {
	if message == "" {
		p.setCondition(o, kind, "False", "Passed", "")
		return
	}
	p.setCondition(o, kind, "True", "KubeletHas"+kind, message)
}

func (p *pass) nodeConditions(o *Object, alive bool) {
	network := p.networks[o.GetName()]
	switch {
	case !alive:
		const reason, message = "NodeStatusUnknown", "Kubelet stopped posting node status."
		for _, kind := range []string{"MemoryPressure", "DiskPressure", "PIDPressure", "Ready"} {
			p.setCondition(o, kind, "Unknown", reason, message)
		}
	default:
		p.setCondition(o, "MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available")
		p.setCondition(o, "DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure")
		p.setCondition(o, "PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available")
		if network {
			p.setCondition(o, "Ready", "True", "KubeletReady", "kubelet is posting ready status")
		} else {
			p.setCondition(o, "Ready", "False", "KubeletNotReady", "container runtime network not ready: NetworkReady=false "+
				"reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized")
		}
	}
	setTaint(o, taintNotReady, "NoSchedule", alive && !network)
	setTaint(o, taintUnreachable, "NoSchedule", !alive)
	setTaint(o, taintUnreachable, "NoExecute", !alive)
}

func firstFree(cidrs []string, taken map[string]bool) string {
	for _, c := range cidrs {
		if !taken[c] {
			return c
		}
	}
	return ""
}

func hasTaint(o *Object, key string) bool {
	for _, t := range mapsAt(o, "spec", "taints") {
		if t["key"] == key {
			return true
		}
	}
	return false
}

// setTaint adds or removes one taint and leaves the order of the others.
func setTaint(o *Object, key, effect string, wanted bool) {
	var taints []any
	found := false
	for _, t := range mapsAt(o, "spec", "taints") {
		if t["key"] == key && t["effect"] == effect {
			found = true
			if !wanted {
				continue
			}
		}
		taints = append(taints, t)
	}
	if found == wanted {
		return
	}
	if wanted {
		taints = append(taints, map[string]any{"key": key, "effect": effect})
	}
	if len(taints) == 0 {
		spec, _ := o.Object["spec"].(map[string]any)
		delete(spec, "taints")
		return
	}
	set(o, taints, "spec", "taints")
}

// runKubelets plays what each node agent does with its pods, and what the pod
// garbage collector does where there is no node any more.
func (p *pass) runKubelets() {
	exists := map[string]*Object{}
	for _, n := range p.nodes {
		exists[n.GetName()] = n
	}
	for name, kubelet := range p.kubelets {
		if n := exists[name]; n != nil {
			p.mirror(n, kubelet)
		}
	}
	index := 0
	for node, pods := range p.pods {
		kubelet, alive := p.kubelets[node]
		for _, pod := range pods {
			index++
			switch {
			case exists[node] == nil, alive && pod.GetDeletionTimestamp() != nil:
				p.drop(Pods, pod)
			case !alive:
				if ready(pod) {
					p.changePod(pod, func(o *Object) { p.setCondition(o, "Ready", "False", "NodeNotReady", "") })
				}
			case kubelet.fails(pod) != "":
				p.failPod(pod, kubelet.fails(pod))
			case over(pod):
			case p.ended(pod) && ofJob(pod):
				p.end(pod)
			case p.ended(pod):
				p.crash(pod, errors.New("back-off restarting failed container"))
			case !ready(pod):
				hostNetwork, _ := at(pod, "spec", "hostNetwork").(bool)
				switch {
				case !hostNetwork && !p.networks[node], !p.volumesReady(pod), !p.bound(pod), kubelet.starts(pod):
				case unprobed(pod) && running(pod):
				case kubelet.pull(pod) != nil:
					p.backOff(pod, kubelet.pull(pod))
				case p.refused(pod): // it waits to be restarted
				case exits(pod) != nil:
					p.starting(pod)
					p.crash(pod, exits(pod))
				default:
					p.starting(pod)
					p.startPod(pod, kubelet, hostNetwork, index)
				}
			}
		}
	}
}

// pull pulls the images of a pod, whose own secrets are not read here.
func (k Kubelet) pull(pod *Object) error {
	if k.Pull == nil || len(mapsAt(pod, "spec", "imagePullSecrets")) > 0 {
		return nil
	}
	for _, containers := range []string{"initContainers", "containers"} {
		for _, c := range mapsAt(pod, "spec", containers) {
			image, _ := c["image"].(string)
			if err := k.Pull(image); err != nil {
				return err
			}
		}
	}
	return nil
}

// backOff shows a pod whose images are not to be had.
func (p *pass) backOff(pod *Object, why error) {
	p.changePod(pod, func(o *Object) {
		var containers []any
		for _, c := range mapsAt(o, "spec", "containers") {
			containers = append(containers, map[string]any{
				"name": c["name"], "image": c["image"], "imageID": "", "ready": false, "started": false, "restartCount": int64(0),
				"state": map[string]any{"waiting": map[string]any{"reason": "ImagePullBackOff", "message": why.Error()}},
			})
		}
		set(o, containers, "status", "containerStatuses")
		for _, kind := range []string{"ContainersReady", "Ready"} {
			p.setCondition(o, kind, "False", "ContainersNotReady", "")
		}
	})
}

func (p *pass) changePod(pod *Object, change func(*Object)) {
	_, _ = p.Change(Pods, pod.GetNamespace(), pod.GetName(), func(o *Object) error {
		if o.GetUID() == pod.GetUID() {
			change(o)
		}
		return nil
	})
}

// fails returns why a pod of a kubelet does not run; empty where it does.
func (k Kubelet) fails(pod *Object) string {
	if pod.GetAnnotations()[corev1.MirrorPodAnnotationKey] == "" {
		return ""
	}
	return k.Failing[strings.TrimSuffix(pod.GetName(), "-"+textAt(pod, "spec", "nodeName"))]
}

// starts reports whether a static pod runs and the probe of its start has not passed.
func (k Kubelet) starts(pod *Object) bool {
	return pod.GetAnnotations()[corev1.MirrorPodAnnotationKey] != "" && time.Now().Before(k.PodsAt)
}

// failPod shows a pod whose container ends again and again.
func (p *pass) failPod(pod *Object, why string) {
	p.changePod(pod, func(o *Object) {
		for _, kind := range []string{"ContainersReady", "Ready"} {
			p.setCondition(o, kind, "False", "ContainersNotReady", "containers with unready status: ["+pod.GetLabels()["component"]+"]")
		}
		set(o, []any{map[string]any{
			"name": pod.GetLabels()["component"], "ready": false, "started": false, "restartCount": int64(1),
			"state": map[string]any{"waiting": map[string]any{"reason": "CrashLoopBackOff", "message": why}},
		}}, "status", "containerStatuses")
	})
}

func (p *pass) startPod(pod *Object, kubelet Kubelet, hostNetwork bool, index int) {
	if isCloudController(pod) {
		if _, err := p.startCloudController(pod); err != nil {
			p.crash(pod, err)
			return
		}
	}
	ip := kubelet.Address
	if !hostNetwork {
		ip = fmt.Sprintf("100.64.%d.%d", index/250%250, index%250+1) // no client connects to a pod here
	}
	p.changePod(pod, func(o *Object) {
		if ofJob(o) && !programOf(o).ends {
			set(o, "Succeeded", "status", "phase")
			return
		}
		set(o, "Running", "status", "phase")
		set(o, kubelet.Address, "status", "hostIP")
		set(o, ip, "status", "podIP")
		set(o, []any{map[string]any{"ip": ip}}, "status", "podIPs")
		started := p.now().UTC().Format("2006-01-02T15:04:05Z")
		set(o, started, "status", "startTime")
		var containers []any
		for _, c := range mapsAt(o, "spec", "containers") {
			containers = append(containers, map[string]any{
				"name": c["name"], "image": c["image"], "imageID": "", "ready": true, "started": true, "restartCount": int64(0),
				"state": map[string]any{"running": map[string]any{"startedAt": started}},
			})
		}
		set(o, containers, "status", "containerStatuses")
		for _, kind := range []string{"PodScheduled", "Initialized", "ContainersReady", "Ready"} {
			p.setCondition(o, kind, "True", "", "")
		}
		if unprobed(o) {
			for _, kind := range []string{"ContainersReady", "Ready"} {
				p.setCondition(o, kind, "False", "ContainersNotReady", "containers with unready status")
			}
		}
	})
}

// mirror shows a node's static pods in the API.
func (p *pass) mirror(node *Object, kubelet Kubelet) {
	for _, static := range kubelet.StaticPods {
		pod := static.DeepCopy()
		pod.Name += "-" + node.GetName()
		if _, err := p.Get(Pods, pod.Namespace, pod.Name); err == nil {
			continue
		}
		pod.APIVersion = "v1"
		pod.Kind = "Pod"
		if pod.Annotations == nil {
			pod.Annotations = map[string]string{}
		}
		pod.Annotations["kubernetes.io/config.source"] = "file"
		pod.Annotations["kubernetes.io/config.mirror"] = string(node.GetUID())
		pod.Spec.NodeName = node.GetName()
		owner := controllerOf(node)
		owner.BlockOwnerDeletion = nil
		pod.OwnerReferences = []metav1.OwnerReference{owner}
		pod.Status.Phase = "Pending"
		p.Put(pod, Pods)
	}
}
