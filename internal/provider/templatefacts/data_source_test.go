package templatefacts_test

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

func TestAccTemplate(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, simulator.Options{Inventory: simulator.Inventory{Templates: []simulator.Template{
		{Name: "old", Disks: 2, DiskGB: 5, GuestID: "otherGuest64", GuestName: "Other (64-bit)"},
		{Name: "bare", HardwareVersion: "vmx-13"},
	}}})
	of := func(attributes string) string {
		return env.Config("data \"gantry_template\" \"node\" {\n  " + attributes + "\n}\n")
	}
	is := func(attribute string, value knownvalue.Check) statecheck.StateCheck {
		return statecheck.ExpectKnownValue("data.gantry_template.node", tfjsonpath.New(attribute), value)
	}
	none := knownvalue.ListSizeExact(0)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		Steps: []resource.TestStep{
			{
				Config: of(`datacenter = "dc-1"
  template = "gantry-node-1.37.2"
  image_folder = "templates"`),
				ConfigStateChecks: []statecheck.StateCheck{
					is("path", knownvalue.StringExact("/dc-1/vm/templates/gantry-node-1.37.2")),
					is("kubernetes_version", knownvalue.StringExact("1.37.2")),
					is("snapshot", knownvalue.Bool(true)),
					is("firmware", knownvalue.StringExact("efi")),
					is("hardware_version", knownvalue.Int64Exact(19)),
					is("disks", knownvalue.ListExact([]knownvalue.Check{knownvalue.ObjectPartial(map[string]knownvalue.Check{
						"size_gb": knownvalue.Int64Exact(20), "datastore": knownvalue.StringExact("shared-1"),
					})})),
					is("problems", none),
					is("warnings", none),
				},
			},
			{
				Config: of("datacenter = \"dc-1\"\n  template = \"old\""),
				ConfigStateChecks: []statecheck.StateCheck{
					is("kubernetes_version", knownvalue.Null()),
					is("disks", knownvalue.ListSizeExact(2)),
					is("problems", knownvalue.ListExact([]knownvalue.Check{knownvalue.StringRegexp(acctest.Words("several disks"))})),
				},
			},
			{
				Config: of("datacenter = \"dc-1\"\n  template = \"bare\""),
				ConfigStateChecks: []statecheck.StateCheck{
					is("problems", none),
					is("warnings", knownvalue.ListExact([]knownvalue.Check{knownvalue.StringRegexp(acctest.Words("hardware version 13"))})),
				},
			},
			{Config: of("datacenter = \"dc-1\"\n  template = \"gantry-node\""), ExpectError: acctest.Words(`template = "gantry-node"`)},
			{Config: of("datacenter = \"dc-9\"\n  template = \"old\""), ExpectError: acctest.Words(`datacenter = "dc-9"`)},
			{
				Config:      of("datacenter = \"dc-1\"\n  template = \"old\"\n  image_folder = \"none\""),
				ExpectError: acctest.Words(`image_folder = "none"`),
			},
		},
	})
}
