package provider_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/gantry/terraform-provider-gantry/internal/provider"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
)

// TestUpdatesWhileTheProviderIsUnknown plans an update of every resource while the provider's
// server is not known yet, once as it is and once for each attribute that is unknown, too.
// TestConfigurationsFailClearly has the creations, with all mutations.
func TestUpdatesWhileTheProviderIsUnknown(t *testing.T) {
	t.Parallel()
	s := newServer(t, provider.NewIn(&connection.Process{}, "test"), strings.NewReplacer(
		"@GATEWAY@", otherID, "@SERVER@", "vc.example.com", "@USER@", "user", "@PASSWORD@", "secret",
		"@POOL@", otherID, "@PLACEMENT@", placement(otherID)))
	config := s.value("gantry", s.schemas.Provider, `{"username": "user", "password": "secret"}`)
	config = set(config, root("vcenter_server"), tftypes.NewValue(tftypes.String, tftypes.UnknownValue))
	for name, schema := range s.schemas.ResourceSchemas {
		for i, text := range configurations["resource "+name] {
			t.Run(fmt.Sprintf("%s/%d", name, i), func(t *testing.T) {
				t.Parallel()
				sub := *s
				sub.t = t
				sub.ProviderServer = s.new()
				sub.mustConfigure(config)
				sub.updateEach(name, schema, sub.value(name, schema, text))
			})
		}
	}
}

func (s *server) updateEach(name string, schema *tfprotov6.Schema, base tftypes.Value) {
	diags, planned := s.plan(name, tftypes.NewValue(base.Type(), nil), base)
	if errs := onlyErrors(diags); len(errs) > 0 {
		s.t.Fatalf("its creation cannot be planned: %s", describe(errs))
	}
	state := asState(planned)
	if diags, _ := s.plan(name, state, base); len(onlyErrors(diags)) > 0 {
		s.t.Errorf("without a change: %s", describe(onlyErrors(diags)))
	}
	visit(schema.Block.Attributes, base, tftypes.NewAttributePath(), "", func(a place) {
		defer func() {
			if r := recover(); r != nil {
				s.t.Errorf("%s is unknown: panic: %v", a.pattern, r)
			}
		}()
		diags, _ := s.plan(name, state, set(base, a.at, tftypes.NewValue(a.value.Type(), tftypes.UnknownValue)))
		for _, d := range diags {
			if blamesProvider(d) {
				s.t.Errorf("%s is unknown: %s", a.pattern, describe([]*tfprotov6.Diagnostic{d}))
			}
		}
	})
}
