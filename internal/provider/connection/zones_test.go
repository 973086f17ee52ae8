package connection_test

import (
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
)

// Objects of two vCenters have the same references, as those of two new ones do.
func TestPlannedZonesOfTwoVCenters(t *testing.T) {
	t.Parallel()
	conn := new(connection.Process).New(connection.Settings{})
	plan := func(vcenter, value string) {
		t.Helper()
		conflict, same := conn.PlanZone(connection.PlannedZone{
			VCenter: vcenter, Object: "Datacenter:datacenter-2", Path: "/dc-1", Category: "k8s-region", Value: value,
		})
		if conflict != "" || len(same) > 0 {
			t.Errorf("the value %q in vCenter %s: conflict %q, same %q", value, vcenter, conflict, same)
		}
	}
	plan("first", "eu-1")
	plan("second", "eu-2")
	plan("third", "eu-2")
	for vcenter, want := range map[string]string{"first": "eu-1", "second": "eu-2", "third": "eu-2", "fourth": ""} {
		if got, planned := conn.PlannedZone(vcenter, "Datacenter:datacenter-2"); got != want || planned != (want != "") {
			t.Errorf("vCenter %s plans %q, %t, want %q", vcenter, got, planned, want)
		}
	}
}
