package orphans_test

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/gantry/terraform-provider-gantry/internal/ipam"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

// TestAccOrphansOfHands edits and deletes records.
func TestAccOrphansOfHands(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	l := env.Ledger()
	const gateway = "0b7c7a52-3f0a-5c11-8d0f-1c4f8f1b2a33"
	owner := ledger.Owner{Cluster: uuid.MustParse("6f1d2a10-3a1b-4a53-9d4e-0c2f6c1f7a11"), Node: "old-cp-1"}
	held := netip.MustParseAddr("10.10.183.7")
	addresses, err := ipam.New("10.10.183.1", "10.10.183.20", 18, "10.10.128.1")
	must(t, err)
	pool := ledger.IPPool{ID: l.ID(record.Ref{Kind: record.KindIPPool, Name: "nodes"}), Name: "nodes", Pool: addresses, SingleCluster: true}
	body, err := json.Marshal(record.Cluster{
		ID:               uuid.MustParse("7a2e3b11-4b2c-4b64-8e5f-1d3a7d2a8b22"),
		Kind:             record.KindCluster,
		APIReached:       true,
		CreationComplete: true,
	})
	must(t, err)
	account, err := json.Marshal(record.CloudAccount{Server: "vc", Username: "user"})
	must(t, err)
	edited := ledger.Record{Ref: record.Ref{Kind: record.KindCluster, Name: "edited"}, Body: body}
	lost := ledger.Record{Ref: record.Ref{Kind: record.KindCloudAccount, GatewayID: uuid.MustParse(gateway), Name: "lost"}, Body: account}
	claim := [3]string{"claim", "10.10.183.7", "^It is claimed of IP pool \"nodes\" for old-cp-1"}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: env.Config(nodes)},
			{
				// An account of a gateway that is gone.
				PreConfig: func() {
					_, err := l.Register(t.Context(), lost)
					must(t, err)
					must(t, l.ClaimAddress(t.Context(), pool, owner, held))
				},
				Config: env.Config(nodes + look),
				ConfigStateChecks: found(
					claim,
					[3]string{"cloud_account", "lost", "^It belongs to gateway " + gateway + ", which is not registered"},
					[3]string{"tag", gateway + `@\d+`, `^It notes cloud account "lost" at a record that is gone`},
				),
			},
			{
				// Whose the claim is, is not known while a cluster's record can't be read.
				PreConfig: func() {
					must(t, l.Unregister(t.Context(), l.ID(record.Ref{Kind: record.KindCloudAccount, GatewayID: uuid.MustParse(gateway), Name: "lost"})))
					id, err := l.Register(t.Context(), edited)
					must(t, err)
					must(t, env.Tags().Update(t.Context(), id, "do not touch"))
				},
				Config:            env.Config(nodes + look),
				ConfigStateChecks: found([3]string{"cluster", "edited", "^The description of its tag is not what Gantry writes"}),
			},
			{
				PreConfig: func() {
					must(t, env.Tags().Delete(t.Context(), l.ID(record.Ref{Kind: record.KindCluster, Name: "edited"})))
				},
				Config: env.Config(nodes + look), ConfigStateChecks: found(claim),
			},
			{
				// The claim is gone, and what it reserved is not.
				PreConfig: func() { must(t, l.Release(t.Context(), pool, held, owner)) },
				Config:    env.Config(nodes + look),
				ConfigStateChecks: found([3]string{
					"reservation", `IP pool "nodes"`, "is reserved for cluster " + owner.Cluster.String() + " since .*, which holds none of its addresses",
				}),
			},
			{
				PreConfig: func() { must(t, env.Tags().Delete(t.Context(), env.TagNamed("/!cluster").ID)) },
				Config:    env.Config(nodes + look), ConfigStateChecks: found(),
			},
			{
				// The index entry of the pool is edited.
				PreConfig: func() {
					entries, err := l.Entries(t.Context())
					must(t, err)
					for _, e := range entries {
						if e.Kind == ledger.EntryIndex {
							must(t, env.Tags().Update(t.Context(), e.ID, "by hand"))
						}
					}
				},
				Config: env.Config(nodes + look),
				ConfigStateChecks: found(
					[3]string{"ip_pool", "nodes", "^It is missing from the index of IP pools"},
					[3]string{"tag", `.*@\d+`, "^It lists an IP pool that is not registered"},
				),
			},
			{
				PreConfig: func() {
					entries, err := l.Entries(t.Context())
					must(t, err)
					for _, e := range entries {
						if e.Kind == ledger.EntryIndex {
							must(t, env.Tags().Delete(t.Context(), e.ID))
						}
					}
				},
				Config: env.Config(strings.Replace(nodes, "name            =", "reuse_delay = \"6m\"\n name =", 1)),
			},
			{Config: env.Config(strings.Replace(nodes, "name            =", "reuse_delay = \"6m\"\n name =", 1) + look), ConfigStateChecks: found()},
		},
	})
}
