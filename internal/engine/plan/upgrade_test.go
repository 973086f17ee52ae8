package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

var versionField = model.ClusterField(model.FieldKubernetes)

// runningAt are the facts of a cluster whose nodes were built for a version.
func runningAt(version string, controlPlane, workers int) *model.Facts {
	f := running(controlPlane, workers)
	for i := range f.Machines {
		f.Machines[i].Marker.KubernetesVersion = version
	}
	coreDNS := map[string]string{"1.35": "1.13.1", "1.36": "1.14.2", "1.37": "1.14.6"}[version[:4]]
	f.API.Kubeadm = model.KubeadmFacts{Version: version, KubeProxy: version, CoreDNS: coreDNS}
	return f
}

// at is a spec of a version.
func at(version string, controlPlane, workers int) *model.ClusterSpec {
	s := small(controlPlane, workers)
	s.KubernetesVersion = version
	return s
}

func TestUpgradeGoesInOrder(t *testing.T) {
	t.Parallel()
	s := at("1.37.2", 1, 2)
	s.Packs = append(slices.Clone(s.Packs), model.Pack{Name: "csi", Layer: "csi"})
	s.Workers[0].Count = 3
	p := planned(s, runningAt("1.36.3", 1, 2).PlanInputs())
	wantSteps(t, p, "update_kubeadm_config c, create_node c-cp-2, delete_node c-cp-1, update_addon kube-proxy, update_addon coredns, "+
		"create_node c-w-3, apply_pack csi, create_node c-w-4, delete_node c-w-1, create_node c-w-5, delete_node c-w-2")
	if got := clones(p); got != "" {
		t.Errorf("cloned before the control plane is upgraded, with a token that may expire over it: %s", got)
	}
	for _, name := range []string{"add-ons", "workers", "pack csi", "rollout of w"} {
		if !stage(t, p, name).Rollout {
			t.Errorf("%s runs where the control plane failed", name)
		}
	}
	if !says(on(p.Warnings, versionField), "1.36.3 to 1.37.2", "no way back", "etcd goes from 3.6 to 3.7") {
		t.Errorf("warnings %v", p.Warnings)
	}
	p = planned(at("1.37.3", 1, 0), runningAt("1.37.2", 1, 0))
	wantSteps(t, p, "update_kubeadm_config c, create_node c-cp-2, delete_node c-cp-1, update_addon kube-proxy")
	if !says(on(p.Warnings, versionField), "no way back") || says(p.Warnings, "etcd goes from") {
		t.Errorf("of a patch: %v", p.Warnings)
	}
}

// What an interrupted upgrade has left is what the next plan does.
func TestUpgradeResumes(t *testing.T) {
	t.Parallel()
	mixed := func(nodes ...int) *model.Facts {
		f := runningAt("1.36.3", 3, 0)
		f.API.Kubeadm.Version = "1.37.2"
		for _, n := range nodes {
			f.Machines[n].Marker.KubernetesVersion = "1.37.2"
		}
		return f
	}
	proxied := mixed(0, 1, 2)
	proxied.API.Kubeadm.KubeProxy = "1.37.2"
	unproxied := mixed(0, 1, 2)
	unproxied.API.Kubeadm.KubeProxy = ""
	const proxyAndDNS = "update_addon kube-proxy, update_addon coredns"
	for name, c := range map[string]struct {
		facts *model.Facts
		want  string
	}{
		"after the configuration": {mixed(), "create_node c-cp-4, delete_node c-cp-1, create_node c-cp-5, delete_node c-cp-2, " +
			"create_node c-cp-6, delete_node c-cp-3, " + proxyAndDNS},
		"after two nodes":    {mixed(0, 1), "create_node c-cp-4, delete_node c-cp-3, " + proxyAndDNS},
		"after all nodes":    {mixed(0, 1, 2), proxyAndDNS},
		"after kube-proxy":   {proxied, "update_addon coredns"},
		"without kube-proxy": {unproxied, "update_addon coredns"},
	} {
		p := planned(at("1.37.2", 3, 0), c.facts.PlanInputs())
		if got := names(p); got != c.want || p.Err() != nil {
			t.Errorf("%s: %q (%v)", name, got, p.Err())
		}
	}
	// Before the first node, the way back is open.
	begun := mixed()
	begun.API.Kubeadm.Ours = true
	wantSteps(t, planned(at("1.36.3", 3, 0), begun), "update_kubeadm_config c")
}

func TestUpgradeIsRefused(t *testing.T) {
	t.Parallel()
	pool := func(version string) func(*model.ClusterSpec, *model.Facts) {
		return func(s *model.ClusterSpec, _ *model.Facts) { s.Workers[0].KubernetesVersion = version }
	}
	half := func(_ *model.ClusterSpec, f *model.Facts) { f.Machines[0].Marker.KubernetesVersion = "1.36.4" }
	old := func(_ *model.ClusterSpec, f *model.Facts) { f.Machines[3].Marker.KubernetesVersion = "1.33.1" }
	byHand := func(_ *model.ClusterSpec, f *model.Facts) { f.API.Kubeadm.Version = "1.37.2" }
	budget := "apiVersion: v1\nkind: A\n---\nkind: PodDisruptionBudget\napiVersion: policy/v1beta1\n"
	released := func(stays bool) func(*model.ClusterSpec, *model.Facts) {
		return func(s *model.ClusterSpec, f *model.Facts) {
			pack := chartPack("ranges", "1.0.0", "sha256:1")
			have := applied(pack, 1)
			have.Retiring = []model.ObjectKind{{APIVersion: "networking.k8s.io/v1beta1", Kind: "ServiceCIDR"}}
			f.API.Packs = map[string]model.AppliedPack{"ranges": have}
			if stays {
				s.Packs = append(s.Packs, pack)
			}
		}
	}
	gone := func(s *model.ClusterSpec, f *model.Facts) {
		released(true)(s, f)
		have := f.API.Packs["ranges"]
		have.Retiring = []model.ObjectKind{{APIVersion: "policy/v1beta1", Kind: "PodDisruptionBudget"}}
		f.API.Packs["ranges"] = have
	}
	poolField := model.NodePoolField("w", model.FieldKubernetes)
	for name, c := range map[string]struct {
		to     string
		change func(*model.ClusterSpec, *model.Facts)
		field  model.Field
		words  string // empty: it is not
	}{
		"the same":               {"1.36.3", nil, versionField, ""},
		"a patch":                {"1.36.9", nil, versionField, ""},
		"the next":               {"1.37.0", nil, versionField, ""},
		"a patch back":           {"1.36.2", nil, versionField, "never downgraded"},
		"a minor back":           {"1.35.9", nil, versionField, "never downgraded"},
		"two minors":             {"1.38.1", nil, versionField, "1.37.x, then 1.38.1"},
		"three minors":           {"1.39.0", nil, versionField, "1.37.x, then 1.38.x, then 1.39.0"},
		"while another one runs": {"1.37.2", half, versionField, "Another upgrade is under way"},
		"a patch beyond it":      {"1.36.5", half, versionField, ""},
		"back from it":           {"1.36.3", half, versionField, "never downgraded"},
		"upgraded by hand":       {"1.36.3", byHand, versionField, "set the version to 1.37.2"},
		"a patch, beside that":   {"1.36.9", byHand, versionField, "set the version to 1.37.2"},
		"following it":           {"1.37.2", byHand, versionField, ""},
		"without kubeadm-config": {"1.37.2", func(_ *model.ClusterSpec, f *model.Facts) { f.API.Kubeadm.Version = "" }, versionField,
			"kubeadm configuration cannot be read"},
		"an old worker":         {"1.37.2", old, versionField, "c-w-1 (1.33.1)"},
		"a pool behind":         {"1.37.2", pool("1.34.0"), poolField, ""},
		"an API that has gone":  {"1.37.2", gone, model.PackField("ranges", model.FieldChart), ""},
		"a pool too far behind": {"1.37.2", pool("1.33.9"), poolField, "4 minor versions behind"},
		"a pool ahead":          {"1.37.2", pool("1.37.3"), poolField, "never newer than the control plane"},
		"an API that is removed": {"1.37.2", func(s *model.ClusterSpec, _ *model.Facts) {
			s.Packs = append(s.Packs, model.Pack{Name: "old", Manifests: []string{budget}})
		}, model.ClusterField(model.FieldPacks), "PodDisruptionBudget in policy/v1beta1"},
		"a release of an API that is removed": {"1.37.2", released(true), model.PackField("ranges", model.FieldChart),
			"ServiceCIDR in networking.k8s.io/v1beta1"},
		"one that is to be taken out":  {"1.37.2", released(false), model.ClusterField(model.FieldPacks), "take the pack out, and upgrade after"},
		"one of an API that is served": {"1.36.9", released(true), model.PackField("ranges", model.FieldChart), ""},
	} {
		s := at(c.to, 3, 1)
		f := runningAt("1.36.3", 3, 1)
		if c.change != nil {
			c.change(s, f)
		}
		p := planned(s, f.PlanInputs())
		if c.words == "" {
			if p.Err() != nil {
				t.Errorf("%s: %v", name, p.Err())
			}
			continue
		}
		if !says(on(p.Problems, c.field), c.words) || len(p.Problems) != 1 {
			t.Errorf("%s: %v", name, p.Problems)
		}
	}
}

// While the control plane cannot be upgraded, nothing of the new version is built.
func TestUpgradeWaitsForTheControlPlane(t *testing.T) {
	t.Parallel()
	f := runningAt("1.36.3", 3, 2)
	hide(f, "c-cp-2")
	s := at("1.37.2", 3, 3)
	p := planned(s, f)
	wantSteps(t, p, "")
	if !says(p.Warnings, `worker pool "w" postponed`, "1.36.3") || !says(p.Warnings, "not created yet", "1 node is missing") {
		t.Errorf("warnings %v", p.Warnings)
	}
	s.Workers[0].KubernetesVersion = "1.36.3"
	wantSteps(t, planned(s, f), "create_node c-w-3")
}

// A node of the control plane that is missing is not built for the new version beside
// others that stay at the old one: kubeadm-config is theirs.
func TestControlPlaneNodeWaitsForAnUpgradeThatIsPostponed(t *testing.T) {
	t.Parallel()
	f := runningAt("1.36.3", 3, 0)
	lose(f, "c-cp-3")
	delete(f.API.Nodes, "c-cp-2")
	p := planned(at("1.37.2", 3, 0), f.PlanInputs())
	wantSteps(t, p, "remove_lost_node c-cp-3")
	if !says(on(p.Warnings, controlPlane), "not created yet", "1 node is missing", "1.37.2") {
		t.Errorf("warnings %v", p.Warnings)
	}
	wantSteps(t, planned(at("1.36.3", 3, 0), f), "remove_lost_node c-cp-3, create_node c-cp-4")
	f.API.Nodes["c-cp-2"] = model.KubeNode{Name: "c-cp-2", Ready: true}
	wantSteps(t, planned(at("1.37.2", 3, 0), f), "remove_lost_node c-cp-3, update_kubeadm_config c, create_node c-cp-4, "+
		"create_node c-cp-5, delete_node c-cp-1, create_node c-cp-6, delete_node c-cp-2, update_addon kube-proxy, update_addon coredns")
}

// A worker that is not newer than the control plane is made before that is upgraded.
func TestPoolThatStaysBehindNeedNotWait(t *testing.T) {
	t.Parallel()
	s := at("1.37.2", 1, 2)
	s.Workers[0].KubernetesVersion = "1.36.3"
	p := planned(s, runningAt("1.36.3", 1, 1))
	wantSteps(t, p, "update_kubeadm_config c, create_node c-w-2, create_node c-cp-2, delete_node c-cp-1, "+
		"update_addon kube-proxy, update_addon coredns")
	if got := clones(p); got != "c-w-2" {
		t.Errorf("cloned from the start: %s", got)
	}
}

func TestImageOfAnotherVersionIsAWarning(t *testing.T) {
	t.Parallel()
	for image, words := range map[string]string{
		"node":        "",
		"node-1.37.2": "",
		"node-1.36.3": "refuse to join",
		"node-1.37.4": "its kubelet would be of that version",
	} {
		s := at("1.37.2", 1, 1)
		s.Image.Template = image
		p := planned(s, &model.Facts{})
		found := on(p.Warnings, model.ClusterField(model.FieldTemplate))
		if (words == "") != (len(found) == 0) || words != "" && !says(found, words, fmt.Sprintf("%q", image)) {
			t.Errorf("%s: %v", image, p.Warnings)
		}
		s = at("1.37.2", 1, 1)
		s.Workers[0].Image.Template = image
		p = checked(s, &model.Facts{}, withPoolTemplate(s))
		if found := on(p.Warnings, model.NodePoolField("w", model.FieldTemplate)); (words == "") != (len(found) == 0) {
			t.Errorf("%s of a pool: %v", image, p.Warnings)
		}
	}
}

// withPoolTemplate has the template of the pool, too.
func withPoolTemplate(s *model.ClusterSpec) *model.Limits {
	l := limitsFor(s, 1000)
	l.Site.PoolTemplates = map[string]model.Template{"w": l.Site.Template}
	return l
}

// An image of its own that a pool lacks is no matter of the others.
func TestTemplateOfTheClusterIsNeededWhereAPoolUsesIt(t *testing.T) {
	t.Parallel()
	s := small(1, 2)
	s.Workers[0].Image.Template = "own"
	l := withPoolTemplate(s)
	l.Site.Template = model.Template{}
	l.Findings.Refuse(model.ClusterField(model.FieldTemplate), "Not found", "gone")
	f := running(1, 1)
	for i := range f.Machines {
		if f.Machines[i].Marker.NodePool == "w" {
			f.Machines[i].Marker.Template = "own"
		}
	}
	p := checked(s, f, l)
	wantSteps(t, p, "create_node c-w-2")
	l.Findings.Refuse(model.NodePoolField("w", model.FieldTemplate), "Not found", "gone, too")
	if p := checked(s, f, l); len(p.Problems) != 1 || !strings.Contains(p.Problems[0].Detail, "too") {
		t.Errorf("problems %v", p.Problems)
	}
}

// The key of Secrets is changed by the same rolls, and before the add-ons need the new
// version.
func TestAnUpgradeAndAnotherKeyAreOneChange(t *testing.T) {
	t.Parallel()
	s := small(1, 0)
	s.EncryptionVersion = 1
	f := running(1, 0)
	for i := range f.Machines {
		f.Machines[i].Marker.KubernetesVersion = "1.36.3"
	}
	f.API.Kubeadm = model.KubeadmFacts{Version: "1.36.3", KubeProxy: "1.36.3", CoreDNS: "1.14.2"}
	wantSteps(t, planned(s, f), "update_kubeadm_config c, create_node c-cp-2, delete_node c-cp-1, create_node c-cp-3, delete_node c-cp-2, "+
		"rewrite_secrets c, update_addon kube-proxy, update_addon coredns")
}
