package provider_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	framework "github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider"
	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/importdata"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// TestConfigurationsFailClearly gives every attribute that a user can write values
// that its type allows and its author may not have thought of. None of them may end
// in an error that blames the provider. Here, the provider's own configuration is not
// known yet.
func TestConfigurationsFailClearly(t *testing.T) {
	t.Parallel()
	s := newServer(t, provider.NewIn(&connection.Process{}, "test"), strings.NewReplacer(
		"@GATEWAY@", otherID,
		"@SERVER@", "vc.example.com", "@USER@", "user", "@PASSWORD@", "secret", "@POOL@", otherID, "@PLACEMENT@", placement(otherID)))
	config := s.value("gantry", s.schemas.Provider, `{"username": "user", "password": "secret"}`)
	config = set(config, root("vcenter_server"), tftypes.NewValue(tftypes.String, tftypes.UnknownValue))
	s.process = func(s *server) func() {
		s.ProviderServer = s.new()
		s.mustConfigure(config)
		return func() {}
	}
	s.run()
}

// everyChart finds every chart, so that plans ask no server.
type everyChart struct{ model.Charts }

func (everyChart) Resolve(_ context.Context, chart model.Chart, _ string) model.ResolvedChart {
	return model.ResolvedChart{Name: "chart", Version: chart.Version, Digest: "sha256:1"}
}

// TestAccConfigurationsFailClearly is the same in a datacenter, in which the plans
// look everything up.
func TestAccConfigurationsFailClearly(t *testing.T) {
	t.Parallel()
	e := acctest.New(t, simulator.Options{Inventory: configuredInventory})
	if _, err := e.MakeTag("tier", "gold", "MULTIPLE"); err != nil {
		t.Fatal(err)
	}
	pool, err := ledger.NewRecord(record.Ref{Kind: record.KindIPPool, Name: "nodes"}, record.IPPool{
		Name: "nodes", Start: "10.10.183.1", End: "10.10.183.50", PrefixLength: 18, DefaultGateway: "10.10.128.1",
	})
	if err != nil {
		t.Fatal(err)
	}
	id, err := e.Ledger().Register(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	account := ledger.Record{Ref: record.Ref{Kind: record.KindCloudAccount, Name: "theirs"}, Body: []byte(`{"username": "a@vsphere.local"}`)}
	if _, err := e.Ledger().Register(t.Context(), account); err != nil {
		t.Fatal(err)
	}
	gateway := theirs(t, e.Ledger(), record.Ref{Kind: record.KindGateway, Name: "theirs"})
	theirs(t, e.Ledger(), record.Ref{Kind: record.KindCluster, GatewayID: gateway, Name: "theirs"})
	s := newServer(t, provider.NewIn(&connection.Process{}, "test"), strings.NewReplacer(
		"@GATEWAY@", gateway.String(), "@SERVER@", e.Server(), "@USER@", e.Username(),
		"@PASSWORD@", e.Password(), "@POOL@", id.String(), "@PLACEMENT@", placement(id.String())))
	config := s.value("gantry", s.schemas.Provider, fmt.Sprintf(
		`{"vcenter_server": %q, "username": %q, "password": %q, "insecure_skip_verify": true}`, e.Server(), e.Username(), e.Password()))
	s.updates = true
	s.process = func(s *server) func() {
		own := &connection.Process{Charts: everyChart{}}
		s.ProviderServer = providerserver.NewProtocol6(provider.NewIn(own, "test")())()
		s.mustConfigure(config)
		return func() {
			if err := own.LogoutAll(s.t.Context()); err != nil {
				s.t.Error(err)
			}
		}
	}
	s.run()
}

const otherID = "55555555-5555-4555-8555-555555555555"

func placement(pool string) string {
	return fmt.Sprintf(`{"compute_cluster": "cluster-a", "datastore": "shared-1", "network": "dvpg-nodes", "resource_pool": "gantry",
		"ip_pool_id": %q}`, pool)
}

// server is the provider as Terraform talks to it.
type server struct {
	tfprotov6.ProviderServer
	t       *testing.T
	new     func() tfprotov6.ProviderServer
	fill    *strings.Replacer
	schemas *tfprotov6.GetProviderSchemaResponse
	// state is what a resource has before an update; zero: it is not planned.
	state tftypes.Value
	// updates is set where updates are planned, too, which costs as much again: in a
	// datacenter alone.
	updates bool
	// process gives the mutations of each attribute a process of their own, as a run of
	// Terraform has, which is what resources know of each other by; it returns what ends
	// it.
	process func(*server) func()
}

func newServer(t *testing.T, p func() framework.Provider, fill *strings.Replacer) *server {
	t.Helper()
	start := func() tfprotov6.ProviderServer { return providerserver.NewProtocol6(p())() }
	s := &server{ProviderServer: start(), t: t, new: start, fill: fill}
	var err error
	if s.schemas, err = s.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{}); err != nil {
		t.Fatal(err)
	}
	return s
}

// value is a configuration of a schema.
func (s *server) value(name string, schema *tfprotov6.Schema, config string) tftypes.Value {
	s.t.Helper()
	value, err := importdata.DecodeConfig([]byte(s.fill.Replace(config)), schema.ValueType())
	if err != nil {
		s.t.Fatalf("%s: %s", name, err)
	}
	return value
}

func (s *server) mustConfigure(config tftypes.Value) {
	s.t.Helper()
	if errs := onlyErrors(s.configure(s.ProviderServer, config)); len(errs) > 0 {
		s.t.Fatal(describe(errs))
	}
}

func (s *server) configure(to tfprotov6.ProviderServer, config tftypes.Value) []*tfprotov6.Diagnostic {
	resp, err := to.ConfigureProvider(s.t.Context(), &tfprotov6.ConfigureProviderRequest{Config: s.dynamic(config)})
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.Diagnostics
}

func (s *server) dynamic(value tftypes.Value) *tfprotov6.DynamicValue {
	d, err := tfprotov6.NewDynamicValue(value.Type(), value)
	if err != nil {
		s.t.Fatal(err)
	}
	return &d
}

// run checks every type that the provider has.
func (s *server) run() {
	s.check("gantry", s.schemas.Provider)
	for _, name := range slices.Sorted(maps.Keys(s.schemas.ResourceSchemas)) {
		s.check("resource "+name, s.schemas.ResourceSchemas[name])
	}
	for _, name := range slices.Sorted(maps.Keys(s.schemas.DataSourceSchemas)) {
		s.check("data "+name, s.schemas.DataSourceSchemas[name])
	}
}

// check mutates every attribute of every configuration of a type.
func (s *server) check(name string, schema *tfprotov6.Schema) {
	missing := map[string]bool{}
	patterns(schema.Block.Attributes, "", missing)
	if len(configurations[name]) == 0 {
		s.t.Errorf("%s has no configuration", name)
	}
	for i, config := range configurations[name] {
		base := s.value(name, schema, config)
		var places []place
		visit(schema.Block.Attributes, base, tftypes.NewAttributePath(), "", func(a place) {
			delete(missing, a.pattern)
			places = append(places, a)
		})
		s.t.Run(fmt.Sprintf("%s/%d", name, i), func(t *testing.T) {
			t.Parallel()
			sub := *s
			sub.t = t
			defer sub.process(&sub)()
			if errs := onlyErrors(sub.use(name, base)); len(errs) > 0 {
				t.Fatalf("the configuration is not valid: %s", describe(errs))
			}
			if resource, ok := strings.CutPrefix(name, "resource "); ok && s.updates {
				_, planned := sub.plan(resource, tftypes.NewValue(base.Type(), nil), base)
				sub.state = asState(planned)
			}
			for _, a := range places {
				sub.mutate(name, base, a)
			}
		})
	}
	for pattern := range missing {
		s.t.Errorf("no configuration of %s has what %s is in", name, pattern)
	}
}

// mutate uses a configuration with each mutation of an attribute, in a process.
func (s *server) mutate(name string, base tftypes.Value, a place) {
	defer s.process(s)()
	for _, m := range mutations(a) {
		s.try(name, base, a, m)
	}
}

// try uses a configuration with one mutation.
func (s *server) try(name string, base tftypes.Value, a place, m mutation) {
	defer func() {
		if r := recover(); r != nil {
			s.t.Errorf("%s = %s: panic: %v", a.pattern, m.name, r)
		}
	}()
	diags := s.use(name, set(base, a.at, m.value))
	for _, d := range diags {
		if blamesProvider(d) {
			s.t.Errorf("%s = %s: %s", a.pattern, m.name, describe([]*tfprotov6.Diagnostic{d}))
		}
	}
	errs := onlyErrors(diags)
	switch said := describe(errs); {
	case m.want == "" && m.valid && len(errs) > 0 && !excluded(a, errs):
		s.t.Errorf("%s = %s: got %s, want no error", a.pattern, m.name, said)
	case m.want != "" && !strings.Contains(said, m.want):
		s.t.Errorf("%s = %s: got %q, want an error that says %q", a.pattern, m.name, said, m.want)
	}
}

// use validates a configuration, and does with a valid one what Terraform does next.
func (s *server) use(name string, config tftypes.Value) []*tfprotov6.Diagnostic {
	kind, name, _ := strings.Cut(name, " ")
	diags := s.validate(kind, name, config)
	if len(onlyErrors(diags)) > 0 {
		return diags
	}
	switch kind {
	case "gantry":
		return append(diags, s.configure(s.new(), config)...)
	case "data":
		if !config.IsFullyKnown() {
			return diags // it is read in the apply
		}
		resp, err := s.ReadDataSource(s.t.Context(), &tfprotov6.ReadDataSourceRequest{TypeName: name, Config: s.dynamic(config)})
		if err != nil {
			s.t.Fatal(err)
		}
		return append(diags, withoutConnection(resp.Diagnostics)...)
	}
	created, _ := s.plan(name, tftypes.NewValue(config.Type(), nil), config)
	diags = append(diags, created...)
	if s.state.Type() == nil {
		return diags
	}
	// That an update is refused is no mistake: not all of them are possible.
	updated, _ := s.plan(name, s.state, config)
	for _, d := range updated {
		if blamesProvider(d) {
			diags = append(diags, d)
		}
	}
	return diags
}

func (s *server) validate(kind, name string, config tftypes.Value) []*tfprotov6.Diagnostic {
	ctx, value := s.t.Context(), s.dynamic(config)
	var diags []*tfprotov6.Diagnostic
	var err error
	switch kind {
	case "gantry":
		var resp *tfprotov6.ValidateProviderConfigResponse
		if resp, err = s.ValidateProviderConfig(ctx, &tfprotov6.ValidateProviderConfigRequest{Config: value}); err == nil {
			diags = resp.Diagnostics
		}
	case "data":
		var resp *tfprotov6.ValidateDataResourceConfigResponse
		request := &tfprotov6.ValidateDataResourceConfigRequest{TypeName: name, Config: value}
		if resp, err = s.ValidateDataResourceConfig(ctx, request); err == nil {
			diags = resp.Diagnostics
		}
	default:
		var resp *tfprotov6.ValidateResourceConfigResponse
		request := &tfprotov6.ValidateResourceConfigRequest{
			TypeName:           name,
			Config:             value,
			ClientCapabilities: &tfprotov6.ValidateResourceConfigClientCapabilities{WriteOnlyAttributesAllowed: true},
		}
		if resp, err = s.ValidateResourceConfig(ctx, request); err == nil {
			diags = resp.Diagnostics
		}
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return diags
}

// plan plans a configuration and returns the planned values.
func (s *server) plan(name string, prior, config tftypes.Value) ([]*tfprotov6.Diagnostic, tftypes.Value) {
	schema := s.schemas.ResourceSchemas[name]
	proposed := config
	for _, a := range schema.Block.Attributes {
		if a.WriteOnly {
			proposed = set(proposed, root(a.Name), tftypes.NewValue(a.Type, nil))
		} else if a.Computed && !a.Optional && !prior.IsNull() {
			proposed = set(proposed, root(a.Name), get(prior, root(a.Name)))
		}
	}
	resp, err := s.PlanResourceChange(s.t.Context(), &tfprotov6.PlanResourceChangeRequest{
		TypeName: name, PriorState: s.dynamic(prior), ProposedNewState: s.dynamic(proposed), Config: s.dynamic(config),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	planned, err := resp.PlannedState.Unmarshal(config.Type())
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.Diagnostics, planned
}

// asState is a plan as a state, in which nothing is unknown.
func asState(planned tftypes.Value) tftypes.Value {
	state := transform(planned, func(_ *tftypes.AttributePath, v tftypes.Value) tftypes.Value {
		if v.IsKnown() {
			return v
		}
		return tftypes.NewValue(v.Type(), nil)
	})
	if get(state, root("id")).IsNull() {
		state = set(state, root("id"), tftypes.NewValue(tftypes.String, uuid.NewString()))
	}
	return state
}
