package ippool_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

// TestAccRefreshCalls counts the tag calls of a refresh, of a pool with one address
// in use and with many: one list and the record, one more where the record does
// not fit one tag, and the reservation where there may be one.
func TestAccRefreshCalls(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		more string
		gets int
	}{
		"open":       {"", 1},
		"restricted": {"restrict_to_single_cluster = true", 2},
		"long": {fmt.Sprintf("nameservers = [%[1]q, %[2]q]\nsearch_domains = [%[3]q, %[4]q]\nexcluded_addresses = [%[5]q]",
			"10.10.128.8", "10.10.128.9", "nodes."+strings.Repeat("long-", 10)+"name.example.com", "example.com", "10.10.183.240-10.10.183.245"), 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := acctest.New(t)
			config := env.Config(attributes("10.10.183.1", "10.10.183.250", 18, "10.10.128.1", c.more))
			body := record.IPPool{
				Name: "prod-nodes", Start: "10.10.183.1", End: "10.10.183.250", PrefixLength: 18, DefaultGateway: "10.10.128.1",
				RestrictToSingleCluster: strings.HasPrefix(c.more, "restrict"), ReuseDelaySeconds: new(int),
			}
			l := env.Ledger()
			p, err := ledger.NewIPPool(l.ID(nodesRef), body)
			if err != nil {
				t.Fatal(err)
			}
			var taken []netip.Addr
			claimed := func(n int) func() {
				return func() {
					for range n {
						addr, _ := p.Next(0, func(a netip.Addr) bool { return slices.Contains(taken, a) })
						if err := l.ClaimAddress(t.Context(), p, holder, addr); err != nil {
							t.Fatal(err)
						}
						taken = append(taken, addr)
					}
					env.ResetCalls()
				}
			}
			free := func() {
				for _, addr := range taken {
					if err := l.Release(t.Context(), p, addr, holder); err != nil {
						t.Fatal(err)
					}
				}
			}
			refresh := func(n int) resource.TestStep {
				return resource.TestStep{PreConfig: claimed(n), RefreshState: true, Check: func(*terraform.State) error {
					calls := env.Calls().REST
					reads, gets := calls["POST tag/id?list-tags-for-category"], calls["GET tag/id"]
					if reads != 1 || gets != c.gets {
						return fmt.Errorf("a refresh takes %d lists and %d gets, want 1 and %d: %v", reads, gets, c.gets, calls)
					}
					return nil
				}}
			}
			resource.Test(t, resource.TestCase{
				ProtoV6ProviderFactories: env.Factories(),
				CheckDestroy:             env.CheckDestroy,
				Steps: []resource.TestStep{
					{Config: config}, refresh(1), refresh(100),
					{PreConfig: free, Config: config},
				},
			})
		})
	}
}
