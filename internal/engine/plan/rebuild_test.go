package plan_test

import (
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

// A control-plane node that is not Ready goes before its successor comes, as one whose VM is
// lost, and only while the others keep the quorum.
func TestControlPlaneNodeThatIsNotReadyIsReplaced(t *testing.T) {
	t.Parallel()
	const one = "delete_node c-cp-2, create_node c-cp-4"
	for name, c := range map[string]struct {
		count  int
		most   int
		change func(*model.ClusterSpec, *model.Facts)
		want   string
		warns  string
	}{
		"for long enough": {3, 1, func(_ *model.ClusterSpec, f *model.Facts) { ill(f, "c-cp-2", time.Hour) }, one,
			"c-cp-2 (not Ready for 1h0m0s)"},
		"not for long":   {3, 1, func(_ *model.ClusterSpec, f *model.Facts) { ill(f, "c-cp-2", time.Minute) }, "", ""},
		"without repair": {3, 0, func(_ *model.ClusterSpec, f *model.Facts) { ill(f, "c-cp-2", time.Hour) }, "", ""},
		"named, without repair": {3, 0, func(s *model.ClusterSpec, f *model.Facts) {
			ill(f, "c-cp-2", time.Minute)
			s.ReplaceNodes = []string{"c-cp-2"}
		}, one, "c-cp-2 (not Ready, and in replace_nodes)"},
		"named, and Ready": {3, 0, func(s *model.ClusterSpec, _ *model.Facts) { s.ReplaceNodes = []string{"c-cp-2"} },
			"create_node c-cp-4, delete_node c-cp-2", "is rolled"},
		"no plan has shown it": {3, 1, func(s *model.ClusterSpec, f *model.Facts) {
			ill(f, "c-cp-2", time.Hour)
			s.ShownRepairs(nil)
		}, "", ""},
		"the only one": {1, 1, func(_ *model.ClusterSpec, f *model.Facts) { ill(f, "c-cp-1", time.Hour) }, "",
			"Of the 0 other control-plane nodes of \"c\" 0 are Ready, and etcd needs 1"},
		"too many": {3, 1, func(_ *model.ClusterSpec, f *model.Facts) {
			ill(f, "c-cp-2", time.Hour)
			ill(f, "c-cp-3", time.Hour)
		}, "", "max_unhealthy is 1"},
		"two of three": {3, 2, func(_ *model.ClusterSpec, f *model.Facts) {
			ill(f, "c-cp-2", time.Hour)
			ill(f, "c-cp-3", time.Hour)
		}, "", "Of the 2 other control-plane nodes of \"c\" 1 is Ready, and etcd needs 2"},
		"two of five": {5, 2, func(_ *model.ClusterSpec, f *model.Facts) {
			ill(f, "c-cp-2", time.Hour)
			ill(f, "c-cp-3", time.Hour)
		}, "delete_node c-cp-2, delete_node c-cp-3, create_node c-cp-6, create_node c-cp-7", "c-cp-2 (not Ready for 1h0m0s), c-cp-3"},
		"another is not Ready yet": {3, 1, func(_ *model.ClusterSpec, f *model.Facts) {
			ill(f, "c-cp-2", time.Hour)
			ill(f, "c-cp-3", time.Minute)
		}, "", "1 is Ready, and etcd needs 2"},
		"another is off": {3, 2, func(_ *model.ClusterSpec, f *model.Facts) {
			ill(f, "c-cp-2", time.Hour)
			switchedOff(f, "c-cp-3")
		}, "power_on_node c-cp-3", "1 is Ready, and etcd needs 2"},
		"another is lost": {3, 2, func(_ *model.ClusterSpec, f *model.Facts) {
			ill(f, "c-cp-2", time.Hour)
			lose(f, "c-cp-3")
		}, "remove_lost_node c-cp-3, create_node c-cp-4", "1 is Ready, and etcd needs 2"},
		"another is not visible": {3, 2, func(_ *model.ClusterSpec, f *model.Facts) {
			ill(f, "c-cp-2", time.Hour)
			hide(f, "c-cp-3")
		}, "", "once all of its VMs are visible"},
		"and the others are rolled": {3, 1, func(s *model.ClusterSpec, f *model.Facts) {
			ill(f, "c-cp-2", time.Hour)
			s.ControlPlane.CPU = 4
		}, one + ", create_node c-cp-5, delete_node c-cp-1, create_node c-cp-6, delete_node c-cp-3", "is rolled"},
		"and the cluster is upgraded": {3, 1, func(s *model.ClusterSpec, f *model.Facts) {
			ill(f, "c-cp-2", time.Hour)
			s.KubernetesVersion = "1.37.3"
			s.EtcdSnapshots = &model.EtcdSnapshots{}
		}, "snapshot_etcd c, delete_node c-cp-2, update_kubeadm_config c, create_node c-cp-4, create_node c-cp-5, delete_node c-cp-1, " +
			"create_node c-cp-6, delete_node c-cp-3, update_addon kube-proxy, create_node c-w-2, delete_node c-w-1", "is upgraded"},
	} {
		s := small(c.count, 0)
		if c.most > 0 {
			s.Repair = &model.Repair{NotReadyAfter: 10 * time.Minute, MaxUnhealthy: c.most}
		}
		f := running(c.count, 1)
		s.Workers[0].Count = 1
		c.change(s, f)
		p := planned(s, f.PlanInputs())
		if names(p) != c.want || p.Err() != nil || c.warns != "" && !says(p.Warnings, c.warns) || c.warns == "" && len(p.Warnings) > 0 {
			t.Errorf("%s: %s, %v, warnings %v", name, names(p), p.Problems, p.Warnings)
		}
		for _, step := range p.Steps() {
			if gone, ok := step.(model.DeleteNode); ok && gone.Machine.Marker.ControlPlane() && (!gone.Drain || !gone.LeavesEtcd) {
				t.Errorf("%s: %+v", name, gone)
			}
		}
	}
}

// What etcd says counts, whatever the nodes are: the plan is refused with numbers. Nor does
// a run wait for a node that its plan leaves as it is.
func TestControlPlaneIsRepairedOnlyWithQuorum(t *testing.T) {
	t.Parallel()
	s := small(3, 0)
	s.Repair = &model.Repair{NotReadyAfter: 10 * time.Minute, MaxUnhealthy: 1}
	f := running(3, 0)
	ill(f, "c-cp-2", time.Hour)
	for _, sickToo := range []bool{false, true} {
		l := limitsFor(s, 100)
		l.Etcd = model.Etcd{Asked: true, Members: sick(members("c-cp-1", "c-cp-2", "c-cp-3"), "c-cp-2")}
		if sickToo {
			sick(l.Etcd.Members, "c-cp-3")
		}
		p := checked(s, f, l)
		refused := says(on(p.Problems, controlPlane), `"c-cp-2" is not Ready`, "1 of the 2 other members of etcd is healthy", "needs 2")
		if refused != sickToo || !sickToo && p.Err() != nil {
			t.Errorf("another is sick: %t, problems %v", sickToo, p.Problems)
		}
	}
	if plan.Unrepaired(s, f)["c-cp-2"] {
		t.Error("a node that is replaced is taken for one that stays ill")
	}
	ill(f, "c-cp-3", time.Minute)
	if !plan.Unrepaired(s, f)["c-cp-2"] {
		t.Error("a node that is left as it is would be waited for")
	}
}
