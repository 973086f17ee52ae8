package vmwarecluster

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// maxNotes is how many bytes the description and the tags of a cluster may take in
// its record, of which the ledger keeps about 4 KiB: the counters of its pools, the
// nodes that are pending and the ids of IP pools need the rest.
const maxNotes = 2000

// checkNotes refuses a description and tags that are too large for the cluster's
// record. What is not known yet counts nothing.
func checkNotes(m *model) diag.Diagnostics {
	tags := map[string]string{}
	for key, value := range m.Tags.Elements() {
		tags[key] = textOf(value)
	}
	description, total := 0, 0
	if text := textOf(m.Description); text != "" {
		description = encodedSize(text)
		total += description
	}
	if len(tags) > 0 {
		total += encodedSize(tags)
	}
	total += vmTagSize*len(m.VMTags.Elements()) + rangeSize*len(m.LoadBalancerPools.Elements())
	if total <= maxNotes {
		return nil
	}
	at := path.Root("tags")
	if description > total/2 {
		at = path.Root("description")
	}
	return diag.Diagnostics{diagnostics.AttributeError(at, "Description and tags too large", fmt.Sprintf(
		"The description and the tags, with vm_tags and load_balancer_pools, take %d bytes together in the cluster's record, as JSON, "+
			"and may take %d. Shorten them.",
		total, maxNotes))}
}

// vmTagSize is how many bytes a tag of vSphere takes in the record, and rangeSize how many a
// load balancer pool takes at most.
const (
	vmTagSize = 32
	rangeSize = 144
)

func textOf(value attr.Value) string {
	text, _ := value.(types.String)
	return text.ValueString()
}

// encodedSize is how many bytes a value takes as JSON. Texts and maps of texts can
// always be encoded.
func encodedSize(value any) int {
	raw, _ := json.Marshal(value)
	return len(raw)
}

// checkPlan checks in a plan what may not have been known when the configuration
// was validated, and what the engine does not check as long as anything is unknown.
func checkPlan(ctx context.Context, conn *connection.Connection, prior, planned *model) diag.Diagnostics {
	diags := checkNotes(planned)
	diags.Append(checkSettings(planned)...)
	if prior == nil && !conn.Applying() {
		diags.Append(checkPodNetwork(planned)...)
		diags.Append(checkAuthorities(planned)...)
	}
	if prior != nil && !conn.Applying() {
		diags.Append(warnOfGatewayProxy(ctx, conn, planned)...)
	}
	return diags
}
