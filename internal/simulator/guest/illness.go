package guest

import (
	"maps"
	"time"
)

// startPods has the static pods of a guest become Ready once the probes of their start can
// have passed. World.mu is held.
func (g *guest) startPods() {
	delay := g.world.options.PodDelay
	g.podsAt = time.Now().Add(delay)
	if delay > 0 {
		time.AfterFunc(delay+time.Millisecond, g.disk.node.cluster.wake)
	}
}

// CrashPod has a static pod of a guest end again and again until its next boot, by its
// component. Without etcd or the API server, the node serves no API.
func (w *World) CrashPod(id, component, why string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	g := w.guests[id]
	if g == nil || g.disk.node == nil || !g.kubelet {
		return
	}
	if g.crashing == nil {
		g.crashing = map[string]string{}
	}
	g.crashing[component] = why
	if component == "etcd" || component == "kube-apiserver" {
		g.endpoint.close()
		g.endpoint = nil
	}
	if component == "etcd" {
		w.killMember(g)
	}
	g.disk.node.cluster.settle()
}

// SetNodeProblem has the kubelet of a guest report a condition of its node, such as
// DiskPressure, with a message; without one, that it has passed.
func (w *World) SetNodeProblem(id, condition, message string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	g := w.guests[id]
	if g == nil || g.disk.node == nil {
		return
	}
	problems := maps.Clone(g.problems)
	if problems == nil {
		problems = map[string]string{}
	}
	problems[condition] = message
	g.problems = problems // the controllers may be reading the other one
	g.disk.node.cluster.wake()
}
