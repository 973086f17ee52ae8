package run

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// joinedIn is what is known now of the VM groups of others in a compute cluster. The rules'
// lock is held.
func (x *rules) joinedIn(c *ruledCluster) plan.Joined {
	r := x.runner
	rec := r.record.current()
	return plan.Joined{
		Groups: c.own.VMGroups,
		Wanted: c.vmGroups,
		Nodes:  x.nodes,
		Record: plan.RecordedVMGroups(rec, c.ref),
		Joins:  c.drs,
		Hidden: plan.HidesVMs(r.record.namesIn(&rec.Cluster), rec.Counters, &r.World.Facts),
	}
}

// joinedNow is joinedIn for whom does not hold the lock.
func (x *rules) joinedNow(c *ruledCluster) plan.Joined {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.joinedIn(c)
}

// settleJoined puts VMs into the VM groups of others, and takes out of them those that Gantry has
// put there and that are to be in them no longer. The record says first which groups these are:
// what a run that died has put there is its own, and what was there before it is not.
func (x *rules) settleJoined(ctx context.Context, c *ruledCluster) error {
	x.mu.Lock()
	due := !c.failed[joined] && x.runner.Spec.ControlPlane.Count > 0 && x.joinedIn(c).Due()
	x.mu.Unlock()
	if !due {
		return nil
	}
	// Its VMs are written as a whole: another cluster of this process has its own there, too.
	end, err := x.runner.Lease.Turn(ctx, uuid.NewSHA1(uuid.NameSpaceOID, []byte(c.ref)))
	if err != nil {
		return err
	}
	defer end()
	if len(x.joinedNow(c).Unrecorded()) > 0 { // who is in them before Gantry puts VMs there is known to vCenter alone
		err = x.read(ctx, c)
	}
	if err == nil {
		err = x.noteVMGroups(ctx, c)
	}
	if stopsRules(ctx, err) {
		return err
	}
	if err != nil {
		x.giveUp(c, joined, err)
		return nil
	}
	if err := x.settleKind(ctx, c, joined); err != nil {
		return err
	}
	now := x.joinedNow(c)
	if missing := now.Unrecorded(); len(missing) > 0 {
		x.giveUp(c, joined, fmt.Errorf("there is no VM group %s any more", model.Listed(missing)))
	}
	if err := x.forgetVMGroups(ctx, c, now); stopsRules(ctx, err) {
		return err
	} else if err != nil {
		x.giveUp(c, joined, err)
	}
	return nil
}

// endJoined reads at the end of a run who is in the VM groups that it has changed: a run in
// another process that changed one at the same moment has written who was in it before. It
// forgets the groups of compute clusters that no VM is in any more.
func (x *rules) endJoined(ctx context.Context, c *ruledCluster) error {
	c.turn.Lock()
	defer c.turn.Unlock()
	x.mu.Lock()
	edited := c.edited
	x.mu.Unlock()
	if edited {
		if err := x.read(ctx, c); err != nil {
			return stopping(ctx, err) // the next plan reads it
		}
		return x.settleJoined(ctx, c)
	}
	now := x.joinedNow(c)
	if x.runner.Spec.ControlPlane.Count == 0 || len(now.Forgotten()) == 0 {
		return nil
	}
	return stopping(ctx, x.forgetVMGroups(ctx, c, now))
}

// stopping is an error that ends a run, or nil.
func stopping(ctx context.Context, err error) error {
	if stopsRules(ctx, err) {
		return err
	}
	return nil
}

// noteVMGroups adds to the record the groups of a compute cluster that VMs are put in next, each
// with those of the cluster's that are in it already, and those that are hidden and may be. Of
// the VMs of a group it drops those that are not in it by now, which come there by Gantry next.
func (x *rules) noteVMGroups(ctx context.Context, c *ruledCluster) error {
	now := x.joinedNow(c)
	r := x.runner
	return r.record.update(ctx, func(b *record.Cluster) {
		of := r.record.namesIn(b)
		for _, g := range now.Groups {
			has := func(vm string) bool { return slices.Contains(g.VMs, vm) }
			if slices.Contains(now.Unrecorded(), g.Name) {
				noted := record.VMGroup{ComputeCluster: c.ref, Name: g.Name}
				for _, m := range plan.HiddenVMs(of, b.Counters, &r.World.Facts) {
					noted.Others = withOrdinal(noted.Others, m)
				}
				for vm, m := range now.Nodes {
					if has(vm) {
						noted.Others = withOrdinal(noted.Others, m)
					}
				}
				b.VMGroups = append(b.VMGroups, noted)
				continue
			}
			for _, recorded := range b.VMGroups {
				if recorded.ComputeCluster != c.ref || recorded.Name != g.Name {
					continue
				}
				for vm := range now.Wanted {
					if m, ours := now.Nodes[vm]; ours && !has(vm) {
						removeNodes(recorded.Others, of, func(name string) bool { return name == m.Node })
					}
				}
			}
		}
	})
}

// forgetVMGroups drops from the record the groups that VMs are to be in no longer, once they have
// left. While a VM is hidden that may be in one they stay: who is put there by then is put there
// by others.
func (x *rules) forgetVMGroups(ctx context.Context, c *ruledCluster, now plan.Joined) error {
	left := now.Left()
	if len(left) == 0 {
		return nil
	}
	return x.runner.record.update(ctx, func(b *record.Cluster) {
		is := func(g record.VMGroup) bool { return g.ComputeCluster == c.ref && slices.Contains(left, g.Name) }
		if !now.Hidden {
			b.VMGroups = slices.DeleteFunc(b.VMGroups, is)
			return
		}
		for i, g := range b.VMGroups {
			if !is(g) {
				continue
			}
			for _, m := range now.Nodes {
				b.VMGroups[i].Others = withOrdinal(b.VMGroups[i].Others, m)
			}
		}
	})
}

// givenVMGroups are the VM groups of the spec for the record of a running cluster whose record
// was lost: those of its VMs that are in them count as put there by Gantry.
func (r *Runner) givenVMGroups() []record.VMGroup {
	var given []record.VMGroup
	for _, h := range r.World.Facts.Hosting {
		for _, name := range plan.VMGroups(r.Spec, &r.World.Facts, h.ComputeCluster) {
			has := slices.ContainsFunc(given, func(g record.VMGroup) bool { return g.ComputeCluster == h.ComputeCluster && g.Name == name })
			if name != "" && !has {
				given = append(given, record.VMGroup{ComputeCluster: h.ComputeCluster, Name: name})
			}
		}
	}
	return given
}

// forgetGone drops the VMs that vCenter does not show any more, as where a user has deleted
// one while this run works: vCenter refuses a rule or a group with it.
func (x *rules) forgetGone(ctx context.Context, c *ruledCluster) error {
	r := x.runner
	var survey *model.Survey
	err := retry(ctx, r.Timing, func(ctx context.Context) (err error) {
		survey, err = r.VCenter.Survey(ctx, model.SurveyRequest{Cluster: r.Spec.ID})
		return err
	})
	if err != nil {
		return err
	}
	seen := references(survey.Machines)
	gone := func(vm string) bool { return !slices.Contains(seen, vm) }
	x.mu.Lock()
	defer x.mu.Unlock()
	for pool, vms := range c.there {
		vms.VMs = slices.DeleteFunc(slices.Clone(vms.VMs), gone)
		c.there[pool] = vms
	}
	for vm := range c.groups {
		if gone(vm) {
			delete(c.groups, vm)
		}
	}
	for vm := range c.vmGroups {
		if gone(vm) {
			delete(c.vmGroups, vm)
		}
	}
	return nil
}

// editOf makes one edit of rules, after which those are read.
func (x *rules) editOf(ctx context.Context, c *ruledCluster, edits model.RuleEdits) error {
	r := x.runner
	x.mu.Lock()
	c.edited = c.edited || len(edits.VMGroups) > 0
	x.mu.Unlock()
	err := r.changes.task(ctx, func(ctx context.Context) (string, error) { return r.VCenter.EditRules(ctx, edits) })
	if errors.Is(err, model.ErrPermission) || stopsRules(ctx, err) {
		return err
	}
	if errors.Is(err, model.ErrGone) {
		err = errors.Join(err, x.forgetGone(ctx, c))
	}
	return errors.Join(err, x.read(ctx, c))
}
