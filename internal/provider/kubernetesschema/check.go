package kubernetesschema

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/kubeoptions"
	"github.com/gantry/terraform-provider-gantry/internal/kubeversion"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// Check judges what depends on the versions of Kubernetes: the control plane's, and those of
// all nodes. What is not known yet is not judged. Settings is the attribute, at its path.
func Check(settings types.Object, at path.Path, controlPlane string, nodes []string) diag.Diagnostics {
	var diags diag.Diagnostics
	control := versions([]string{controlPlane})
	for _, part := range []struct {
		name      string
		component kubeoptions.Component
		versions  []kubeversion.Version
	}{
		{"api_server", kubeoptions.APIServer, control},
		{"controller_manager", kubeoptions.ControllerManager, control},
		{"scheduler", kubeoptions.Scheduler, control},
		{"kubelet", kubeoptions.Kubelet, versions(nodes)},
	} {
		object, _ := settings.Attributes()[part.name].(types.Object)
		arguments, _ := object.Attributes()["extra_args"].(types.Map)
		here := at.AtName(part.name).AtName("extra_args")
		for _, name := range slices.Sorted(maps.Keys(arguments.Elements())) {
			value := arguments.Elements()[name]
			diags.Append(checkFlag(part.component, name, value, part.versions, here.AtMapKey(name))...)
		}
	}
	kubelet, _ := settings.Attributes()["kubelet"].(types.Object)
	config, _ := kubelet.Attributes()["config"].(types.String)
	diags.Append(checkFields(config.ValueString(), versions(nodes), at.AtName("kubelet").AtName("config"))...)
	return diags
}

// versions are those of the texts that are ones, each minor release once, from the oldest on.
func versions(texts []string) []kubeversion.Version {
	var all []kubeversion.Version
	for _, text := range texts {
		if v, err := kubeversion.Parse(text); err == nil && v.Major == 1 {
			all = append(all, v)
		}
	}
	slices.SortFunc(all, kubeversion.Version.Compare)
	return slices.CompactFunc(all, func(a, b kubeversion.Version) bool { return a.CompareMinor(b) == 0 })
}

func checkFlag(component kubeoptions.Component, name string, value attr.Value, all []kubeversion.Version, at path.Path) diag.Diagnostics {
	text, _ := value.(types.String)
	if _, always := reservedFlags[component][name]; text.IsUnknown() && !always {
		return nil
	}
	if why := reserved(component, name, text.ValueString()); why != "" {
		return diag.Diagnostics{diagnostics.AttributeError(at, "Reserved flag",
			fmt.Sprintf("The flag %q of %s cannot be set like this: %s.", name, component, why))}
	}
	return judged(all, at, fmt.Sprintf("Flag of %s", component), func(minor int) kubeoptions.Verdict {
		return kubeoptions.CheckFlag(component, minor, name, text.ValueString())
	})
}

func checkFields(text string, all []kubeversion.Version, at path.Path) diag.Diagnostics {
	fields, err := fieldsOf(text)
	if err != nil {
		return nil // the validator says so
	}
	var diags diag.Diagnostics
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		diags.Append(judged(all, at, "Kubelet configuration", func(minor int) kubeoptions.Verdict {
			return kubeoptions.CheckKubeletField(minor, name, fields[name])
		})...)
	}
	return diags
}

// judged is the first problem in one of the versions, or else the first warning.
func judged(all []kubeversion.Version, at path.Path, subject string, judge func(minor int) kubeoptions.Verdict) diag.Diagnostics {
	warning := ""
	for _, version := range all {
		verdict := judge(version.Minor)
		if verdict.Problem != "" {
			return diag.Diagnostics{diagnostics.AttributeError(at, subject+" not supported",
				diagnostics.Sentence(verdict.Problem)+" Nodes would not become ready with it: correct it before they are rolled.")}
		}
		if warning == "" {
			warning = verdict.Warning
		}
	}
	if warning == "" {
		return nil
	}
	return diag.Diagnostics{diagnostics.AttributeWarning(at, subject+" deprecated or not known", diagnostics.Sentence(warning))}
}
