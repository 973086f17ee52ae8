package plan_test

import (
	"slices"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

const (
	ours       = "r.example.com/k8s"
	published  = "registry.k8s.io"
	addonsMove = "update_addon kube-proxy, update_addon coredns, "
)

// installedFrom has the add-ons come from a repository.
func installedFrom(f *model.Facts, proxy, dns string) *model.Facts {
	f.API.Kubeadm.KubeProxyFrom = proxy
	f.API.Kubeadm.CoreDNSFrom = dns
	return f
}

func TestRegistriesRollTheNodes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*model.ClusterSpec)
		steps  string
		reason string
	}{
		"mirrors": {func(s *model.ClusterSpec) {
			s.Registry.Mirrors = map[string][]string{"docker.io": {"https://m.example.com"}}
		},
			rolledControlPlane + ", " + rolledWorker, "registry"},
		"sandbox": {func(s *model.ClusterSpec) { s.Registry.SandboxImage = "r.example.com/pause:1" },
			rolledControlPlane + ", " + rolledWorker, "registry"},
		"kube-vip": {func(s *model.ClusterSpec) { s.Registry.KubeVIPImage = "r.example.com/kube-vip:1" },
			rolledControlPlane, "registry.kube_vip_image"},
		"repository": {func(s *model.ClusterSpec) { s.Registry.Repository = ours },
			updated + addonsMove + rolledControlPlane + ", " + rolledWorker, "registry.image_repository"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := small(1, 1)
			f := installedFrom(builtFor(t, s, running(1, 1)), published, published+"/coredns")
			old := f.Machines
			for i := range old { // of before there were any
				old[i].Marker.Registry, old[i].Marker.ImageRepository, old[i].Marker.KubeVIPImage = "", "", ""
			}
			wantSteps(t, planned(s, f), "")
			c.change(s)
			derive(t, s)
			p := planned(s, f.PlanInputs())
			wantSteps(t, p, c.steps)
			if !says(p.Warnings, "Differs from the configuration: ", c.reason) {
				t.Errorf("warnings %v", p.Warnings)
			}
		})
	}
}

// The load balancer runs an image of the repository, and asks the same mirrors.
func TestRegistriesReplaceTheLoadBalancer(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*bootstrap.Registry){
		"mirrors":    func(r *bootstrap.Registry) { r.Mirrors = map[string][]string{"docker.io": {"https://m.example.com"}} },
		"repository": func(r *bootstrap.Registry) { r.Repository = ours },
		"kube-vip":   func(r *bootstrap.Registry) { r.KubeVIPImage = "r.example.com/kube-vip:1" },
	} {
		s := leased(1, 0)
		f := leasedRunning(1, 0)
		derive(t, s)
		for i, m := range f.Machines {
			pool, _ := s.NodePool(m.Marker.NodePool)
			f.Machines[i].Marker.BuiltWith = s.BuiltWithOf(pool)
		}
		wantSteps(t, planned(s, f), "")
		change(&s.Registry)
		derive(t, s)
		want := name != "kube-vip"
		replaces := func(c model.Change) bool { return c.Action == model.ActionReplaceLoadBalancer }
		if got := slices.ContainsFunc(planned(s, f).Changes(), replaces); got != want {
			t.Errorf("%s: the load balancer is replaced: %t", name, got)
		}
	}
}

// An interrupted change goes on, and one that is taken back leaves nothing of Gantry's behind.
func TestImageRepositoryIsFollowedAndTakenBack(t *testing.T) {
	t.Parallel()
	none, with := small(1, 0), small(1, 0)
	with.Registry.Repository = ours
	derive(t, none)
	derive(t, with)
	created := func() *model.Facts {
		f := installedFrom(builtFor(t, with, running(1, 0)), ours, ours)
		f.API.Kubeadm.ImageRepository = ours
		return f
	}
	written := func(f *model.Facts, by *model.ClusterSpec) *model.Facts {
		f.API.Kubeadm.Settings = by.ConfigIdentity()
		f.API.Kubeadm.Repositories = ours
		return f
	}
	plain := func() *model.Facts { return builtFor(t, none, running(1, 0)) }
	for name, c := range map[string]struct {
		spec  *model.ClusterSpec
		facts *model.Facts
		want  string
	}{
		"created with it": {with, created(), ""},
		"written, and nothing else yet": {with, written(installedFrom(plain(), published, published+"/coredns"), with),
			addonsMove + rolledControlPlane},
		"kube-proxy moved": {with, written(installedFrom(plain(), ours, published+"/coredns"), with),
			"update_addon coredns, " + rolledControlPlane},
		"taken out":         {none, created(), updated + addonsMove + rolledControlPlane},
		"taken out, begun":  {none, written(installedFrom(plain(), ours, ours), none), "update_addon kube-proxy, update_addon coredns"},
		"an image by hand":  {none, installedFrom(plain(), "theirs.example.com", published+"/coredns"), ""},
		"of another's":      {with, written(installedFrom(builtFor(t, with, running(1, 0)), "", ours), with), ""},
		"another by digest": {with, written(installedFrom(builtFor(t, with, running(1, 0)), ours, ""), with), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := planned(c.spec, c.facts.PlanInputs())
			wantSteps(t, p, c.want)
			for _, step := range p.Steps() {
				if s, ok := step.(model.UpdateKubeadmConfig); ok && s.DropsRepository != (c.spec == none) {
					t.Errorf("%+v", s)
				}
				addon, ok := step.(model.UpdateAddon)
				from := map[string]string{model.AddonKubeProxy: published, model.AddonCoreDNS: published + "/coredns"}[addon.Name]
				if c.spec == with {
					from = ours
				}
				if ok && addon.AddonImage != (model.AddonImage{From: from}) {
					t.Errorf("%+v", addon)
				}
			}
		})
	}
}

func TestRegistriesAreCheckedBeforeNodesAreBuilt(t *testing.T) {
	t.Parallel()
	for field, change := range map[model.FieldName]func(*bootstrap.Registry){
		model.FieldMirrors:         func(r *bootstrap.Registry) { r.Mirrors = map[string][]string{"docker.io": {"m"}} },
		model.FieldRegistryCA:      func(r *bootstrap.Registry) { r.CACertificate = "no" },
		model.FieldImageRepository: func(r *bootstrap.Registry) { r.Repository = "no" },
		model.FieldSandboxImage:    func(r *bootstrap.Registry) { r.SandboxImage = "no" },
		model.FieldKubeVIPImage:    func(r *bootstrap.Registry) { r.KubeVIPImage = "no" },
	} {
		s := small(1, 0)
		change(&s.Registry)
		p := planned(s, &model.Facts{})
		if len(p.Problems) != 1 || len(on(p.Problems, model.ClusterField(field))) != 1 {
			t.Errorf("%s: %v", field, p.Problems)
		}
	}
}
