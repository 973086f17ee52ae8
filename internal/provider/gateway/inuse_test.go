package gateway_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

// TestAccGatewayInUse refuses to destroy a gateway with what other states hold, of each
// kind, by name. Where its block is gone from the configuration the apply refuses it,
// before anything is touched.
func TestAccGatewayInUse(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	l := e.Ledger()
	var theirs []record.Ref
	for _, kind := range []record.Kind{record.KindCluster, record.KindCloudAccount, record.KindIPPool} {
		theirs = append(theirs, record.Ref{Kind: kind, GatewayID: l.ID(gatewayRef), Name: "theirs"})
	}
	inUse := acctest.Words(`Gateway "dc1" has cloud account "theirs", cluster "theirs", IP pool "theirs". Destroy or move them first.`)
	onItself := acctest.Words("This run is on the gateway that it would take away")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: config(e, shape{}), Check: func(*terraform.State) error {
				for _, ref := range theirs {
					if _, err := l.Register(context.Background(), ledger.Record{Ref: ref, Body: []byte(`{}`)}); err != nil {
						return err
					}
				}
				return nil
			}},
			{Config: config(e, shape{}), Destroy: true, ExpectError: inUse},
			{Config: e.Config(""), ExpectError: inUse},
			{
				PreConfig: func() {
					if vms := e.Leftovers().VMs; len(vms) != 1 {
						t.Errorf("the VMs are %v", vms)
					}
					for _, ref := range theirs {
						if err := l.Unregister(context.Background(), l.ID(ref)); err != nil {
							t.Error(err)
						}
					}
				},
				Config: config(e, shape{}), PlanOnly: true,
			},
			{
				// On an agent of it a run changes it, and deletes none of its nodes.
				PreConfig:   func() { e.RunOnAgentOf(l.ID(gatewayRef)) },
				Config:      config(e, shape{cpu: 4}),
				PlanOnly:    true,
				ExpectError: onItself,
			},
			{Config: config(e, shape{}), Destroy: true, ExpectError: onItself},
			{
				PreConfig: func() {
					if vms := e.Leftovers().VMs; len(vms) != 1 {
						t.Errorf("the VMs are %v", vms)
					}
					e.RunOnAgentOf(uuid.New())
				},
				Config: config(e, shape{cpu: 4}), PlanOnly: true, ExpectNonEmptyPlan: true,
			},
		},
	})
}
