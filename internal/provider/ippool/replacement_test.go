package ippool_test

import (
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

// firstMade is a pool whose successor is created before it is destroyed.
func firstMade(name, start, end, gateway string, prefix int, creates bool) string {
	return fmt.Sprintf(`
resource "gantry_ip_pool" "nodes" {
  name            = %q
  range           = { start = %q, end = %q }
  prefix_length   = %d
  default_gateway = %q
  lifecycle {
    create_before_destroy = %v
  }
}
`, name, start, end, prefix, gateway, creates)
}

// TestAccPoolCreatesFirst asks for a successor before a pool is destroyed: where both
// cannot be, nothing is touched, and the pool is still the current object.
func TestAccPoolCreatesFirst(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	pool4 := func(name, start, end string) string {
		return env.Config(firstMade(name, start, end, "10.10.128.1", 18, true))
	}
	small := pool4("prod-nodes", "10.10.183.1", "10.10.183.10")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: small},
			{
				Config:      env.Config(firstMade("prod-nodes", "2001:db8::10", "2001:db8::1f", "2001:db8::1", 64, true)),
				ExpectError: acctest.Words(`IP pool "prod-nodes" exists`),
			},
			{Config: small, PlanOnly: true},
			{Config: pool4("other", "10.10.183.5", "10.10.183.20"), ExpectError: acctest.Words("IP pools overlap")},
			{Config: small, PlanOnly: true},
			{Config: small, Taint: []string{pool}, ExpectError: acctest.Words(`IP pool "prod-nodes" exists`)},
			{Config: env.Config(firstMade("prod-nodes", "10.10.183.1", "10.10.183.10", "10.10.128.1", 18, false))},
			{Config: pool4("other", "10.10.183.21", "10.10.183.30")},
			{Config: pool4("other", "10.10.183.21", "10.10.183.30"), PlanOnly: true},
		},
	})
}

// TestAccPoolOfAnotherCreation deletes a pool's record behind Terraform's back, and has
// another workspace create one of that name: it is not the state's, and stays.
func TestAccPoolOfAnotherCreation(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	l := env.Ledger()
	body := []byte(`{"incarnation":"another","name":"prod-nodes","start":"10.10.183.1","end":"10.10.183.10","prefix_length":18,` +
		`"default_gateway":"10.10.128.1"}`)
	made := func() {
		if err := l.Unregister(t.Context(), l.ID(nodesRef)); err != nil {
			t.Error(err)
		}
		if _, err := l.Register(t.Context(), ledger.Record{Ref: nodesRef, Body: body}); err != nil {
			t.Error(err)
		}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		Steps: []resource.TestStep{
			{Config: env.Config(small)},
			{PreConfig: made, Config: env.Config("")},
		},
	})
	if _, err := l.Record(t.Context(), l.ID(nodesRef)); err != nil {
		t.Errorf("the other workspace's pool: %v", err)
	}
}
