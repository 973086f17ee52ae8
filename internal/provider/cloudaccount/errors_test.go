package cloudaccount_test

import (
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

func TestAccWrongAccount(t *testing.T) {
	t.Parallel()
	env, another := start(t), start(t)
	if _, err := env.Ledger().Register(
		t.Context(),
		ledger.Record{Ref: record.Ref{Kind: record.KindCloudAccount, Name: "taken"}, Body: []byte(`{}`)},
	); err != nil {
		t.Fatal(err)
	}
	named := func(name, server, attributes string) string {
		return fmt.Sprintf(
			"resource \"gantry_cloud_account\" \"team_a\" {\n  name = %q\n  vcenter_server = %q\n  %s\n}\n", name, server, attributes,
		)
	}
	for name, test := range map[string]struct {
		config string
		want   string
	}{
		"password": {
			named("a", env.Server(), login(user, "wrong")),
			`refuses the user name or the password of "team-a@vsphere.local"`,
		},
		"write-only password": {
			named("a", env.Server(), "username = \"x\"\n password_wo = \"wrong\"\n password_wo_version = 1"),
			`refuses the user name or the password of "x"`,
		},
		"no password": {named("a", env.Server(), `username = "x"`), `No attribute specified when one (and only one) of`},
		"two passwords": {named("a", env.Server(), "username = \"x\"\n password = \"x\"\n password_wo = \"x\"\n password_wo_version = 1"),
			`2 attributes specified when one (and only one) of`},
		"no version": {
			named("a", env.Server(), "username = \"x\"\n password_wo = \"x\""),
			`Attribute "password_wo_version" must be specified when "password_wo" is specified`,
		},
		"not a server": {named("a", "http://vcenter.example.com", login(user, password)), `scheme is not https`},
		"not a CA":     {named("a", env.Server(), login(user, password)+"\n  ca_certificate = \"ca.pem\""), `no certificate in PEM form`},
		"CA and no CA": {
			named("a", env.Server(), login(user, password)+fmt.Sprintf("\n ca_certificate = %q\n insecure_skip_verify = true", env.CACertificate())),
			`nothing is verified against ca_certificate`,
		},
		"wrong CA": {
			named("a", env.Server(), login(user, password)+fmt.Sprintf("\n ca_certificate = %q", another.CACertificate())),
			`is not trusted`,
		},
		"other vCenter": {
			named("a", another.Server(), login(user, password)+"\n insecure_skip_verify = true"),
			`Configure a provider of its own for each vCenter`,
		},
		"no vCenter": {named("a", "127.0.0.1:1", login(user, password)), `does not answer`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resource.Test(t, resource.TestCase{
				ProtoV6ProviderFactories: env.Factories(),
				Steps: []resource.TestStep{{
					Config: env.Config(test.config), PlanOnly: true, ExpectError: acctest.Words(test.want),
				}},
			})
		})
	}
	t.Run("name taken", func(t *testing.T) {
		t.Parallel()
		// The apply refuses it: where nothing shows that this is a plan, it may be the
		// resource before its replacement.
		resource.Test(t, resource.TestCase{
			ProtoV6ProviderFactories: env.Factories(),
			Steps: []resource.TestStep{{
				Config:      env.Config(named("taken", env.Server(), login(user, password))),
				ExpectError: acctest.Words(`terraform import gantry_cloud_account.<name> taken`),
			}},
		})
	})
}
