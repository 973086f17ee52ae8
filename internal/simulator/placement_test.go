package simulator_test

import (
	"testing"
	"time"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// TestCloneWithoutDRS: the compute cluster's hosts are the client's to choose from.
func TestCloneWithoutDRS(t *testing.T) {
	t.Parallel()
	d := start(t)
	inC := func(host string) func(*types.VirtualMachineCloneSpec) {
		return func(s *types.VirtualMachineCloneSpec) {
			s.Location = d.relocate(placement{"cluster-c", "shared-1", "k8s"})
			if host != "" {
				found, err := d.finder.HostSystem(d.ctx, host)
				d.must(err)
				s.Location.Host = types.NewReference(found.Reference())
			}
		}
	}
	if _, err := d.clone("none", inC("")); !isFault[types.InvalidArgument](err) {
		t.Errorf("without a host: %v", err)
	}
	if _, err := d.clone("other", inC("cluster-a/*-1.example.internal")); !isFault[types.InvalidArgument](err) {
		t.Errorf("with a host of another compute cluster: %v", err)
	}
	d.mustClone("n1", inC("cluster-c/*-1.example.internal"))
}

// TestCloneTakesItsName: from its start, unseen, or at its end.
func TestCloneTakesItsName(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]bool{"early": false, "late": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := start(t, func(o *simulator.Options) { o.LateNames, o.CloneDuration = late, time.Hour })
			spec := types.VirtualMachineCloneSpec{Location: d.relocate(inA)}
			clone := func() *object.Task {
				task, err := d.vm(template).Clone(d.ctx, d.folder("k8s"), "n1", spec)
				d.must(err)
				return task
			}
			info := func(task *object.Task) types.TaskInfo {
				var got mo.Task
				d.must(property.DefaultCollector(d.client.Client).RetrieveOne(d.ctx, task.Reference(), []string{"info"}, &got))
				return got.Info
			}
			first := clone()
			if got := info(first); got.State != types.TaskInfoStateRunning {
				t.Fatalf("the clone is %+v", got)
			}
			if _, err := d.finder.VirtualMachine(d.ctx, "k8s/n1"); err == nil {
				t.Error("the VM is seen before its clone has ended")
			}
			var manager mo.TaskManager
			collector := property.DefaultCollector(d.client.Client)
			d.must(collector.RetrieveOne(d.ctx, *d.client.ServiceContent.TaskManager, []string{"recentTask"}, &manager))
			if n := len(manager.RecentTask); n == 0 || manager.RecentTask[n-1] != first.Reference() {
				t.Errorf("the task manager lists %v", manager.RecentTask)
			}
			second := clone()
			if late {
				d.AdvanceClock(time.Hour) // else the name is refused before the first one has ended
			}
			refused := second.Wait(d.ctx)
			d.AdvanceClock(time.Hour)
			made := first.Wait(d.ctx)
			if made != nil {
				made, refused = refused, made
			}
			if made != nil || !isFault[types.DuplicateName](refused) {
				t.Errorf("of the two clones, one ends with %v, the other with %v", made, refused)
			}
		})
	}
}
