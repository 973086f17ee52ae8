package observe

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// knownOf are the VMs that the state knows of the cluster that is observed: of another
// cluster of the same name it knows none.
func knownOf(req request) []model.KnownMachine {
	if req.id == uuid.Nil || req.id != req.target.ID {
		return nil
	}
	return req.target.Known
}

func references(known []model.KnownMachine) []string {
	refs := make([]string, len(known))
	for i, m := range known {
		refs[i] = m.Ref
	}
	return refs
}

// readNoted asks for the VMs of nodes that a killed run has begun to delete and that the state
// has never known, as it made them, too. There is hardly ever one; then it is a survey.
func (o Observer) readNoted(ctx context.Context, w *World, id uuid.UUID, known []model.KnownMachine) error {
	var noted []model.KnownMachine
	for name, node := range w.Facts.API.Nodes {
		seen := slices.ContainsFunc(w.Facts.Machines, func(m model.Machine) bool { return m.Marker.Node == name }) ||
			slices.ContainsFunc(known, func(m model.KnownMachine) bool { return m.Node == name })
		if node.VM != "" && !seen {
			noted = append(noted, model.KnownMachine{Node: name, Ref: node.VM})
		}
	}
	if len(noted) == 0 {
		return nil
	}
	survey, err := o.VCenter.Survey(ctx, model.SurveyRequest{Cluster: id, Known: references(noted), MaxAge: o.MaxAge})
	if err != nil {
		return fmt.Errorf("read the VMs of nodes that are being deleted: %w", err)
	}
	w.addMissing(noted, survey)
	return nil
}

// addMachines takes over the VMs that the inventory shows. The load balancer is no node, nor is a
// VM of which an image is made.
func (w *World) addMachines(machines []model.Machine) {
	for _, m := range machines {
		switch {
		case m.Marker.LoadBalancer() && m.Marker.Understood():
			w.Facts.LoadBalancer = &m
		case m.Marker.Builder() && m.Marker.Understood():
			w.Facts.Builders = append(w.Facts.Builders, m)
		default:
			w.Facts.Machines = append(w.Facts.Machines, m)
		}
	}
	slices.SortFunc(w.Facts.Machines, func(a, b model.Machine) int {
		return cmp.Or(cmp.Compare(a.Marker.NodePool, b.Marker.NodePool), cmp.Compare(a.Marker.Ordinal, b.Marker.Ordinal))
	})
}

// addMissing sorts the known VMs that the inventory does not show into those that are
// not seen and those that are gone. A node that another VM carries by now is neither, nor is one
// whose VM is there and cannot be read.
func (w *World) addMissing(known []model.KnownMachine, survey *model.Survey) {
	carried := map[string]bool{}
	for _, m := range survey.Machines {
		carried[m.Marker.Node] = true
	}
	unreadable := map[string]bool{}
	for _, m := range survey.Unreadable {
		unreadable[m.Ref] = true
	}
	for _, m := range known {
		why, unseen := survey.Unseen[m.Ref]
		switch {
		case carried[m.Node] || unreadable[m.Ref]:
		case unseen:
			w.Facts.Unseen = append(w.Facts.Unseen, model.UnseenMachine{KnownMachine: m, Why: why})
		default:
			w.Facts.Gone = append(w.Facts.Gone, m)
		}
	}
	slices.SortFunc(w.Facts.Unseen, func(a, b model.UnseenMachine) int { return cmp.Compare(a.Node, b.Node) })
	slices.SortFunc(w.Facts.Gone, func(a, b model.KnownMachine) int { return cmp.Compare(a.Node, b.Node) })
}

// notedBuilder is the VM in which an image was being built when the record was last written.
func notedBuilder(req request) []string {
	if req.builder.VM != "" {
		return []string{req.builder.VM}
	}
	if noted := req.record.Builder; req.record.Found && req.record.ID == req.id && noted.VM != "" {
		return []string{noted.VM}
	}
	return nil
}

// addUnseenBuilder notes that vCenter does not say that such a VM is gone, which nothing shows.
func (w *World) addUnseenBuilder(req request, survey *model.Survey) {
	for _, ref := range notedBuilder(req) {
		why, unseen := survey.Unseen[ref]
		if slices.ContainsFunc(survey.Unreadable, func(m model.UnreadableVM) bool { return m.Ref == ref }) {
			why = "vCenter does not return its configuration now"
			unseen = true
		}
		if unseen {
			vm := model.KnownMachine{Node: cmp.Or(req.builder.Name, req.record.Builder.Name), Ref: ref}
			w.Facts.UnseenBuilder = &model.UnseenMachine{KnownMachine: vm, Why: why}
		}
	}
}
