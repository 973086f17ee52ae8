package plan

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

const (
	nodeProblemsKind = "NodesWithoutProblems"
	controlPlaneKind = "ControlPlaneHealthy"
	etcdKind         = "EtcdHealthy"
	zonesKind        = "ZonesMatch"

	reasonNodeProblems = "ProblemsReported"
	reasonZonesDiffer  = "LabelsDiffer"
)

// checkedConditions are those that rest on checks. That of the zones is left out where no
// node has a label of them.
func checkedConditions(spec *model.ClusterSpec, facts *model.Facts, checks *model.HealthChecks) []model.Condition {
	if checks == nil {
		return nil
	}
	all := []model.Condition{controlPlaneCondition(spec, facts, checks), etcdCondition(spec, facts, checks)}
	if checks.Zones != nil || checks.ZonesError != nil {
		all = append(all, zonesCondition(facts, checks))
	}
	return all
}

func unknownCondition(kind, reason, message string) model.Condition {
	return model.Condition{Type: kind, Status: model.ConditionUnknown, Reason: reason, Message: message}
}

// nodeProblemsCondition says what kubelets report against their nodes beside what keeps
// them from being Ready.
func nodeProblemsCondition(facts *model.Facts) model.Condition {
	if !facts.API.Answered() {
		return unknownCondition(nodeProblemsKind, "APIUnknown", "")
	}
	var words []string
	for _, name := range sortedKeys(facts.API.Nodes) {
		if problems := facts.API.Nodes[name].Problems; len(problems) > 0 {
			words = append(words, fmt.Sprintf("%s (%s)", name, strings.Join(problems, ", ")))
		}
	}
	return condition(nodeProblemsKind, len(words) == 0, "NoneReported", reasonNodeProblems, "Problems of nodes: "+model.Listed(words))
}

// controlPlaneNodes are the nodes of the control plane that have joined, as the API says.
func controlPlaneNodes(spec *model.ClusterSpec, facts *model.Facts) []string {
	var names []string
	of := namesOf(spec, facts)
	for _, name := range sortedKeys(facts.API.Nodes) {
		ordinal := of.Ordinal(model.ControlPlanePool, name)
		if ordinal > 0 && facts.API.Joined(name, facts.Pending(model.ControlPlanePool, ordinal)) {
			names = append(names, name)
		}
	}
	return names
}

// controlPlaneCondition says which static pods of the control plane are not Ready.
func controlPlaneCondition(spec *model.ClusterSpec, facts *model.Facts, checks *model.HealthChecks) model.Condition {
	switch err := checks.ControlPlaneError; {
	case !facts.API.Answered():
		return unknownCondition(controlPlaneKind, "APIUnknown", "")
	case err != nil:
		return unknownCondition(controlPlaneKind, "PodsUnknown", err.Error())
	}
	unready := UnreadyPods(controlPlaneNodes(spec, facts), checks.ControlPlane.Pods)
	return condition(controlPlaneKind, len(unready) == 0, "AllReady", "PodsNotReady",
		"Static pods that are not Ready: "+model.Listed(unready))
}

// UnreadyPods are the static pods of nodes that are not Ready, and why.
func UnreadyPods(nodes []string, pods []model.ControlPlanePod) []string {
	var unready []string
	for _, node := range nodes {
		for _, component := range model.ControlPlaneComponents() {
			i := slices.IndexFunc(pods, func(p model.ControlPlanePod) bool { return p.Node == node && p.Component == component })
			switch {
			case i < 0:
				unready = append(unready, fmt.Sprintf("%s on %s (no pod)", component, node))
			case !pods[i].Ready:
				unready = append(unready, fmt.Sprintf("%s on %s (%s)", component, node, pods[i].Message))
			}
		}
	}
	return unready
}

// etcdCondition says which members of etcd are not well, and which no node carries. Where
// they cannot be asked, that alone does not make a cluster unhealthy: its API answers.
func etcdCondition(spec *model.ClusterSpec, facts *model.Facts, checks *model.HealthChecks) model.Condition {
	etcd := checks.ControlPlane.Etcd
	switch {
	case !facts.API.Answered():
		return unknownCondition(etcdKind, "APIUnknown", "")
	case checks.ControlPlaneError != nil:
		return unknownCondition(etcdKind, "PodsUnknown", "The pods of etcd are not known.")
	case !etcd.Asked:
		return model.Condition{Type: etcdKind, Status: model.ConditionTrue, Reason: "SingleMember",
			Message: "Its single member is not asked: the API answers only while that serves."}
	case etcd.Error != nil:
		return unknownCondition(etcdKind, "MembersUnknown", etcd.Error.Error())
	}
	nodes := controlPlaneNodes(spec, facts)
	wrong := UnwellMembers(etcd.Members, nodes)
	for _, m := range OrphanMembers(etcd.Members, func(node string) bool { return slices.Contains(nodes, node) }) {
		words := memberWords(m)
		if m.Name != "" {
			words = m.Name + " (no node carries it)"
		}
		wrong = append(wrong, words)
	}
	voters, healthy := 0, 0
	for _, m := range etcd.Members {
		switch {
		case m.Learner:
			continue
		case m.Healthy():
			healthy++
		}
		voters++
	}
	message := fmt.Sprintf("%d of %d voting members are healthy, and %d are needed. Not well: %s",
		healthy, voters, majority(voters), model.Listed(wrong))
	return condition(etcdKind, len(wrong) == 0, "AllHealthy", "MembersNotHealthy", message)
}

// zonesCondition says which nodes have labels of another zone than that of the compute
// cluster that their VM is in, as after a migration. Volumes are then made where the
// node's machine cannot reach them.
func zonesCondition(facts *model.Facts, checks *model.HealthChecks) model.Condition {
	if err := checks.ZonesError; err != nil {
		reason := "TagsUnknown"
		if errors.Is(err, model.ErrPermission) {
			reason = "TagsNotReadable"
		}
		return unknownCondition(zonesKind, reason, err.Error())
	}
	var wrong []string
	for _, m := range facts.Machines {
		labels := facts.API.Nodes[m.Marker.Node].Labels
		zone := checks.Zones[m.Ref]
		for _, c := range []struct{ word, label, is string }{
			{"zone", labels[model.LabelZone], zone.Zone},
			{"region", labels[model.LabelRegion], zone.Region},
		} {
			// Without a tag there is nothing to compare with: it may have been taken away.
			if c.label != "" && c.is != "" && c.label != c.is {
				wrong = append(wrong, fmt.Sprintf("%s (labelled %s %s, and its VM is in %s)", m.Marker.Node, c.word, c.label, c.is))
			}
		}
	}
	slices.Sort(wrong)
	return condition(zonesKind, len(wrong) == 0, "AllMatch", reasonZonesDiffer,
		"Nodes that are not where their labels say: "+model.Listed(wrong))
}
