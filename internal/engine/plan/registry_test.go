package plan_test

import (
	"slices"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
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

// A load balancer that a registry does not let in takes the API away: the warning says so.
func TestLoadBalancersAreTheFirstToLogIn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*model.ClusterSpec)
		want   bool
	}{
		"another password": {func(s *model.ClusterSpec) { s.Registry.PasswordVersion = 2 }, true},
		"more memory":      {func(s *model.ClusterSpec) { s.LoadBalancer.MemoryGB++ }, false},
		"no login":         {func(s *model.ClusterSpec) { s.Registry.Username, s.Registry.PasswordVersion = "", 0 }, false},
	} {
		s := leased(1, 0)
		s.Registry = bootstrap.Registry{Username: "robot", PasswordVersion: 1}
		s.Registry.Mirrors = map[string][]string{"docker.io": {"https://m.example.com"}}
		derive(t, s)
		f := leasedRunning(1, 0)
		f.LoadBalancer.Marker.BuiltWith = plan.LoadBalancerBuiltWith(s)
		c.change(s)
		derive(t, s)
		p := planned(s, f)
		if !says(p.Warnings, "The load balancer is replaced") || says(p.Warnings, "the first to use") != c.want {
			t.Errorf("%s: %v", name, p.Warnings)
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

// What runs on old nodes pulls from a new repository as they were told to, whatever is the same in
// the configuration: each registry has its own CA and login.
func TestNodesKnowTheWayToAnImageRepository(t *testing.T) {
	t.Parallel()
	login := bootstrap.Registry{Username: "robot", PasswordVersion: 1, Mirrors: map[string][]string{"docker.io": {"https://m.example.com"}}}
	own := login
	own.Mirrors = map[string][]string{"r.example.com": {"https://r.example.com"}}
	behind := login
	behind.Mirrors = map[string][]string{"r.example.com": {"https://m.example.com", "https://r.example.com"}}
	all := bootstrap.Registry{Mirrors: map[string][]string{bootstrap.AllHosts: {"https://m.example.com"}}}
	authorities, err := keys()
	if err != nil {
		t.Fatal(err)
	}
	ca := bootstrap.Registry{CACertificate: string(authorities.CA.Cert)}
	withVIP := ca
	withVIP.KubeVIPImage = "r.example.com/kube-vip:1"
	withSandbox := ca
	withSandbox.SandboxImage = "r.example.com/pause:1"
	second := login
	second.PasswordVersion = 2
	const without, former, mirror = "without image_repository first", "with the former image_repository first",
		`its own mirror, mirrors = { "r.example.com" = ["https://r.example.com"] }`
	for name, c := range map[string]struct {
		was, now bootstrap.Registry
		had      string // the repository
		want     []string
	}{
		"login":                           {login, login, "", []string{without, mirror}},
		"login, its own mirror":           {own, own, "", nil},
		"login, behind a mirror":          {behind, behind, "", []string{without, mirror}},
		"mirrors of all hosts":            {all, all, "", []string{without, mirror}},
		"CA":                              {ca, ca, "", []string{without, mirror}},
		"CA, of kube-vip":                 {ca, withVIP, "", []string{without, mirror}},
		"CA, of the sandbox":              {withSandbox, withSandbox, "", nil},
		"another registry":                {login, login, "theirs.example.com/k8s", []string{former, mirror}},
		"another registry, its own":       {own, own, "theirs.example.com/k8s", nil},
		"the same registry":               {login, login, "r.example.com/old", nil},
		"the same registry, CA":           {ca, ca, "r.example.com/old", nil},
		"the same registry, new password": {login, second, "r.example.com/old", []string{former}},
		"nothing to tell":                 {bootstrap.Registry{}, bootstrap.Registry{}, "theirs.example.com/k8s", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := small(1, 1)
			s.Registry = c.was
			s.Registry.Repository = c.had
			f := installedFrom(builtFor(t, s, running(1, 1)), published, published+"/coredns")
			f.API.Kubeadm.ImageRepository = c.had
			s.Registry = c.now
			s.Registry.Repository = ours
			derive(t, s)
			refused := on(planned(s, f.PlanInputs()).Problems, model.ClusterField(model.FieldImageRepository))
			if len(refused) != min(1, len(c.want)) || len(c.want) > 0 && !says(refused, c.want...) {
				t.Errorf("%v", refused)
			}
			if len(c.want) == 1 && says(refused, mirror) {
				t.Errorf("it is known: %v", refused)
			}
		})
	}
}
