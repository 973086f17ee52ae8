package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/inventoryname"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// attributeWords are the attributes that nodes are replaced for, as users write them.
var attributeWords = map[model.FieldName]string{
	model.FieldTemplate:   "image",
	model.FieldSSHKeys:    "ssh_authorized_keys",
	model.FieldNTPServers: "ntp_servers",
	model.FieldProxy:      "proxy",
}

// keptFields are the fields of which a control-plane node keeps what it was built with,
// and the spec says something else by now: control planes are not rolled yet.
func keptFields(spec *model.ClusterSpec, m model.Machine) []model.FieldName {
	var fields []model.FieldName
	// A template that was renamed is the same. A gateway's change of it is refused.
	sameImage := builtFrom(spec.Image, m.Marker) || inventoryname.MayMatch(m.Template, spec.Image.Template)
	if !sameImage && spec.Kind != record.KindGateway {
		fields = append(fields, model.FieldTemplate)
	}
	return append(fields, spec.BuiltWith.Differs(m.Marker.BuiltWith)...)
}

// keptFindings warn of what the control plane keeps.
func keptFindings(v view) model.Findings {
	var f model.Findings
	if !v.apiReached() {
		return f
	}
	kept := map[model.FieldName][]string{}
	for _, m := range v.machines(model.ControlPlanePool) {
		for _, field := range keptFields(v.spec, m) {
			node := m.Marker.Node
			if field == model.FieldTemplate {
				node = fmt.Sprintf("%s (%s)", node, m.Marker.Template)
			}
			kept[field] = append(kept[field], node)
		}
	}
	const notYet = "Replacing a control-plane node does not work yet, so these stay as they are: %s."
	if nodes := kept[model.FieldTemplate]; len(nodes) > 0 {
		slices.Sort(nodes)
		f.Warn(model.ClusterField(model.FieldTemplate), "The control plane keeps its image",
			"The image %s is used for workers and for nodes that are added. "+notYet, v.spec.Image.Template, model.Listed(nodes))
	}
	for _, field := range []model.FieldName{model.FieldSSHKeys, model.FieldNTPServers, model.FieldProxy} {
		if nodes := kept[field]; len(nodes) > 0 {
			f.Warn(model.ClusterField(field), fmt.Sprintf("The control plane keeps its %s", field),
				"The value of %s is used for workers and for nodes that are added. "+notYet, attributeWords[field], model.Listed(nodes))
		}
	}
	return f
}

// upToDateCondition says which control-plane nodes keep what. It is no matter of health:
// nothing is broken, and nothing is to be repaired.
func upToDateCondition(spec *model.ClusterSpec, facts *model.Facts) model.Condition {
	var old []string
	for _, m := range facts.Machines {
		if !m.Marker.ControlPlane() {
			continue
		}
		var words []string
		for _, field := range keptFields(spec, m) {
			words = append(words, attributeWords[field])
		}
		if len(words) > 0 {
			old = append(old, fmt.Sprintf("%s (%s)", m.Marker.Node, strings.Join(words, ", ")))
		}
	}
	slices.Sort(old)
	return condition("ControlPlaneUpToDate", len(old) == 0, "AllUpToDate", "OldValuesKept",
		"Control-plane nodes are not replaced yet, and these keep what they were built with: "+model.Listed(old))
}
