package plan_test

import (
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

func TestCheckAsksForNothingThatThePlanDoesNotUse(t *testing.T) {
	t.Parallel()
	f := running(1, 2)
	field := model.ClusterField(model.FieldTemplate)
	missing := func(workers int) *model.Plan {
		s := small(1, workers)
		l := limitsFor(s, 100)
		l.Site.Template = model.Template{}
		l.Findings.Problems = []model.Finding{model.NewFinding(field, "Unknown template", "There is none.")}
		return checked(s, f, l)
	}
	wantSteps(t, missing(1), "delete_node c-w-2")
	if p := missing(3); len(on(p.Problems, field)) != 1 {
		t.Fatalf("a node is planned on a template that is gone: %v", p.Problems)
	}
}

func TestCheckKeepsOfAFindingTheFieldsThatThePlanUses(t *testing.T) {
	t.Parallel()
	cp := model.PlacementRef{NodePool: model.ControlPlanePool}.Field(model.FieldDatastore)
	w := model.PlacementRef{NodePool: "w"}.Field(model.FieldDatastore)
	s := small(1, 2)
	l := limitsFor(s, 100)
	l.Findings.Problems = []model.Finding{{Fields: []model.Field{cp, w}, Summary: "Unknown datastore", Detail: "There is none."}}
	if p := checked(s, running(1, 1), l); len(p.Problems) != 1 || len(p.Problems[0].Fields) != 1 || p.Problems[0].Fields[0] != w {
		t.Errorf("a worker is added: %v", p.Problems)
	}
	if p := checked(s, &model.Facts{}, l); len(p.Problems) != 1 || len(p.Problems[0].Fields) != 2 {
		t.Errorf("everything is built: %v", p.Problems)
	}
	if !slices.Equal(l.Findings.Problems[0].Fields, []model.Field{cp, w}) {
		t.Errorf("the limits were changed: %v", l.Findings)
	}
}

// The plan names who asks for what size, and what there is.
func TestCheckRefusesADiskThatIsSmallerThanTheTemplates(t *testing.T) {
	t.Parallel()
	s := small(1, 1)
	s.Workers[0].DiskGB = 10
	l := limitsFor(s, 100)
	l.Site.Template.DiskGB = 40
	got := on(checked(s, &model.Facts{}, l).Problems, model.NodePoolField("w", model.FieldDisk))
	const disks = `nodes of worker pool "w" would have disks of 10 GB`
	if !says(got, disks, "template /dc/vm/node has a disk of 40 GB", "Set disk_gb to at least 40") {
		t.Errorf("got %v", got)
	}
}

// Where the template or the datastore is missing, nothing else can be said about
// clones.
func TestCheckSaysOnceThatAPartOfACloneIsMissing(t *testing.T) {
	t.Parallel()
	s := small(1, 0)
	s.CloneMode = model.CloneLinked
	s.ControlPlane.DiskGB = 10
	s.Workers = nil
	ref := model.PlacementRef{NodePool: model.ControlPlanePool}
	for field, remove := range map[model.Field]func(*model.Site){
		model.ClusterField(model.FieldTemplate): func(site *model.Site) { site.Template = model.Template{} },
		ref.Field(model.FieldDatastore):         func(site *model.Site) { site.Placements[ref] = model.ResolvedPlacement{} },
	} {
		l := limitsFor(s, 100)
		remove(&l.Site)
		l.Findings.Problems = []model.Finding{model.NewFinding(field, "Not found", "There is none.")}
		if p := checked(s, &model.Facts{}, l); len(p.Problems) != 1 || len(on(p.Problems, field)) != 1 {
			t.Errorf("%s: %v", field, p.Problems)
		}
	}
}

// IP pools name their network in every way that there is.
func TestCheckComparesNetworks(t *testing.T) {
	t.Parallel()
	const path = "/dc-1/network/nodes"
	for _, c := range []struct {
		pool, placement, resolved string
		same                      bool
	}{
		{"", "nodes", path, true},
		{"nodes", "nodes", path, true},
		{"nodes", path, path, true},
		{path, "nodes", path, true},
		{path, path, path, true},
		{"network/nodes", "nodes", path, true},
		{"Nodes", "nodes", path, false},
		{"other", "nodes", path, false},
		{"/dc-2/network/nodes", path, path, false},
		// What the placement's name means is known.
		{"/dc-2/network/nodes", "nodes", path, false},
		{"/dc-2/network/nodes", "nodes", "", true},
	} {
		s := small(1, 0)
		s.ControlPlane.Placements[0].Network = c.placement
		l := limitsFor(s, 100)
		for ref, resolved := range l.Site.Placements {
			resolved.Network.Path = c.resolved
			l.Site.Placements[ref] = resolved
		}
		change(l, poolID, func(p *model.IPPool) { p.Record.Network = c.pool })
		p := checked(s, &model.Facts{}, l)
		field := model.PlacementRef{NodePool: model.ControlPlanePool}.Field(model.FieldNetwork)
		if refused := len(on(p.Problems, field)) > 0; refused == c.same {
			t.Errorf("pool on %q, placement on %q (%s): %v", c.pool, c.placement, c.resolved, p.Problems)
		}
	}
}

func TestCheckRefusesIPPoolsOfOtherGatewaysAndClusters(t *testing.T) {
	t.Parallel()
	gateway := uuid.MustParse("77777777-2222-4333-8444-555555555555")
	for name, c := range map[string]struct {
		change  func(*model.ClusterSpec)
		pool    func(*model.IPPool)
		summary string // empty: there is no problem
	}{
		"of the system gateway": {},
		"of another gateway": {
			pool:    func(p *model.IPPool) { p.GatewayID = gateway },
			summary: "IP pool belongs to a different gateway",
		},
		"of the cluster's gateway": {
			change: func(s *model.ClusterSpec) { s.GatewayID = gateway },
			pool:   func(p *model.IPPool) { p.GatewayID = gateway },
		},
		"of the system gateway, of a cluster of another": {
			change:  func(s *model.ClusterSpec) { s.GatewayID = gateway },
			summary: "IP pool belongs to a different gateway",
		},
		"the inline IP pool of the gateway itself": {
			change: func(s *model.ClusterSpec) { s.Kind = record.KindGateway },
			pool:   func(p *model.IPPool) { p.GatewayID = clusterID },
		},
		"reserved by another cluster": {
			pool:    func(p *model.IPPool) { p.ReservedBy = otherCluster },
			summary: "IP pool reserved by another cluster",
		},
		"reserved by the cluster": {pool: func(p *model.IPPool) { p.ReservedBy = clusterID }},
	} {
		s := small(1, 0)
		if c.change != nil {
			c.change(s)
		}
		l := limitsFor(s, 100)
		if c.pool != nil {
			change(l, poolID, c.pool)
		}
		p := checked(s, &model.Facts{}, l)
		if got := on(p.Problems, endpointPool); (c.summary != "") != (len(got) == 1) || c.summary != "" && got[0].Summary != c.summary {
			t.Errorf("%s: %v", name, p.Problems)
		}
		if p := checked(s, running(1, 0), l); p.Err() != nil {
			t.Errorf("%s: no node is built, and there are problems: %v", name, p.Problems)
		}
	}
}

// An IP pool whose nodes would ask no DNS server, on which CoreDNS does not start.
func TestCheckWarnsOfAnIPPoolWithoutNameservers(t *testing.T) {
	t.Parallel()
	silent := func(p *model.Plan) bool { return !says(p.Warnings, "nameservers") }
	s := small(3, 2)
	l := limitsFor(s, 100)
	if p := checked(s, &model.Facts{}, l); !silent(p) {
		t.Errorf("there are nameservers: %v", p.Warnings)
	}
	change(l, poolID, func(p *model.IPPool) { p.Record.Nameservers = nil })
	p := checked(s, &model.Facts{}, l)
	if p.Err() != nil || len(p.Warnings) != 1 || silent(p) || p.Warnings[0].Fields[0] != endpointPool {
		t.Errorf("want one warning that begins at the control plane's pool: %v, %v", p.Warnings, p.Err())
	}
	if p := checked(s, running(3, 2), l); !silent(p) {
		t.Errorf("no node is built: %v", p.Warnings)
	}
}

func TestCheckRefusesWhatNoNodeCanBeBootstrappedWith(t *testing.T) {
	t.Parallel()
	element := func(name model.FieldName, i int) model.Field {
		f := model.ClusterField(name)
		f.Element = model.At(i)
		return f
	}
	for name, c := range map[string]struct {
		change func(*model.ClusterSpec, *model.IPPool)
		field  model.Field
	}{
		"no pod network": {func(s *model.ClusterSpec, _ *model.IPPool) { s.PodCIDR = "x" },
			model.ClusterField(model.FieldPodCIDR)},
		"services among pods": {func(s *model.ClusterSpec, _ *model.IPPool) { s.ServiceCIDR = "192.168.16.0/20" },
			model.ClusterField(model.FieldServiceCIDR)},
		"the second NTP server": {func(s *model.ClusterSpec, _ *model.IPPool) { s.NTPServers = []string{"10.0.0.1", "a b"} },
			element(model.FieldNTPServers, 1)},
		"the first SSH key": {func(s *model.ClusterSpec, _ *model.IPPool) { s.SSHAuthorizedKeys = []string{"key"} },
			element(model.FieldSSHKeys, 0)},
		"an HTTP proxy": {func(s *model.ClusterSpec, _ *model.IPPool) { s.Proxy = &model.Proxy{HTTP: "ftp://x"} },
			model.ClusterField(model.FieldProxyHTTP)},
		"an HTTPS proxy": {func(s *model.ClusterSpec, _ *model.IPPool) { s.Proxy = &model.Proxy{HTTPS: "x"} },
			model.ClusterField(model.FieldProxyHTTPS)},
		"proxy exceptions": {func(s *model.ClusterSpec, _ *model.IPPool) { s.Proxy = &model.Proxy{NoProxy: "a\nb"} },
			model.ClusterField(model.FieldNoProxy)},
		"a proxy's certificate": {func(s *model.ClusterSpec, _ *model.IPPool) { s.Proxy = &model.Proxy{CACertificate: "x"} },
			model.ClusterField(model.FieldProxyCertificate)},
		"a nameserver by its name": {func(_ *model.ClusterSpec, p *model.IPPool) { p.Record.Nameservers = []string{"dns"} },
			endpointPool},
	} {
		s := small(1, 2)
		l := limitsFor(s, 100)
		change(l, poolID, func(p *model.IPPool) { c.change(s, p) })
		p := checked(s, &model.Facts{}, l)
		got := on(p.Problems, c.field)
		with := "the " + c.field.String()
		if c.field.Name == model.FieldIPPool {
			with = `IP pool "pool"`
		}
		if len(got) != 1 || !says(got, `Nodes of cluster "c" cannot be bootstrapped`, "the nodes of the control plane boot", "with "+with) {
			t.Errorf("%s: no problem of %s in %v", name, c.field, p.Problems)
		}
		if p := checked(s, running(1, 2), l); p.Err() != nil {
			t.Errorf("%s: no node is built, and there are problems: %v", name, p.Problems)
		}
	}
}

func TestCheckRefusesAnOldVersion(t *testing.T) {
	t.Parallel()
	s := small(1, 2)
	s.KubernetesVersion = "1.30.14"
	p := planned(s, &model.Facts{})
	if !says(on(p.Problems, model.ClusterField(model.FieldKubernetes)), "cannot be bootstrapped", "1.30.14") {
		t.Errorf("problems %v", p.Problems)
	}
	s = small(1, 2)
	s.Workers[0].KubernetesVersion = "1.30.14"
	p = planned(s, &model.Facts{})
	if !says(on(p.Problems, model.NodePoolField("w", model.FieldKubernetes)), "cannot be bootstrapped", "1.30.14") {
		t.Errorf("problems %v", p.Problems)
	}
}
