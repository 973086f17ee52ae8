package provider_test

import (
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/provider"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
)

// TestBrokenPackIsNamed breaks the YAML of one of three packs.
func TestBrokenPackIsNamed(t *testing.T) {
	t.Parallel()
	s := newServer(t, provider.NewIn(&connection.Process{}, "test"), strings.NewReplacer("@GATEWAY@", otherID,
		"@SERVER@", "vc.example.com", "@USER@", "user",
		"@PASSWORD@", "secret", "@POOL@", otherID, "@PLACEMENT@", placement(otherID), "metadata: {name: b}", "metadata: {name: b"))
	const name = "gantry_vmware_cluster"
	errs := onlyErrors(s.validate("resource", name, s.value(name, s.schemas.ResourceSchemas[name], clusterBase)))
	if said := describe(errs); len(errs) != 1 || !strings.Contains(said, `profile.packs["b"].manifests[0]: The text cannot be applied`) {
		t.Errorf("got %s", said)
	}
}
