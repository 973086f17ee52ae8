package provider_test

import (
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/provider"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
)

// TestBoundsBelongToTheirStrategy sets how many nodes are replaced at once, by the
// attribute of each strategy.
func TestBoundsBelongToTheirStrategy(t *testing.T) {
	t.Parallel()
	const name, rolling = "gantry_vmware_cluster", `"strategy": "contract_first", "max_unavailable": 2`
	at := `worker_pools["general"].rolling_update.`
	for with, want := range map[string]string{
		rolling: "",
		`"strategy": "expand_first", "max_surge": 100`: "",
		`"max_surge": 1`: "",
		`"strategy": "expand_first", "max_unavailable": 1`:     at + "max_unavailable: The attribute is only for strategy = \"contract_first\"",
		`"max_unavailable": 1`:                                 at + "max_unavailable: The attribute is only for strategy = \"contract_first\"",
		`"strategy": "contract_first", "max_surge": 1`:         at + "max_surge: The attribute is only for strategy = \"expand_first\"",
		`"max_surge": 0`:                                       at + "max_surge value must be between 1 and 100",
		`"strategy": "contract_first", "max_unavailable": 101`: at + "max_unavailable value must be between 1 and 100",
		`"max_surge": 1.5`:                                     "max_surge",
	} {
		s := newServer(t, provider.NewIn(&connection.Process{}, "test"), strings.NewReplacer("@SERVER@", "vc.example.com", "@USER@", "user",
			"@PASSWORD@", "secret", "@POOL@", otherID, "@PLACEMENT@", placement(otherID), rolling, with))
		errs := onlyErrors(s.validate("resource", name, s.value(name, s.schemas.ResourceSchemas[name], clusterBase)))
		if said := describe(errs); (want == "") != (len(errs) == 0) || !strings.Contains(said, want) {
			t.Errorf("%s: got %q, want %q", with, said, want)
		}
	}
}
