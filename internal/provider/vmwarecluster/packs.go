package vmwarecluster

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
	"github.com/gantry/terraform-provider-gantry/internal/provider/nodeschema"
)

type (
	packModel struct {
		Layer       string      `tfsdk:"layer"`
		Manifests   []string    `tfsdk:"manifests"`
		Chart       *chartModel `tfsdk:"chart"`
		Values      []string    `tfsdk:"values"`
		Namespace   *string     `tfsdk:"namespace"`
		DependsOn   []string    `tfsdk:"depends_on"`
		Wait        *bool       `tfsdk:"wait"`
		WaitTimeout *string     `tfsdk:"wait_timeout"`
		Prune       *bool       `tfsdk:"prune"`
		Drift       *bool       `tfsdk:"drift_detection"`

		VSphereCredentials *credentialsModel `tfsdk:"vsphere_credentials"`
	}
	credentialsModel struct {
		Namespace string   `tfsdk:"namespace"`
		Secret    string   `tfsdk:"secret"`
		Format    string   `tfsdk:"format"`
		Topology  []string `tfsdk:"topology_categories"`
	}
	chartModel struct {
		Name       *string `tfsdk:"name"`
		Repository *string `tfsdk:"repository"`
		OCI        *string `tfsdk:"oci"`
		Path       *string `tfsdk:"path"`
		Version    *string `tfsdk:"version"`
		Digest     *string `tfsdk:"digest"`
	}
)

// defaultWaitTimeout bounds the wait for a pack's objects, and a release's hooks.
const defaultWaitTimeout = 10 * time.Minute

func (m packModel) toModel(name string) enginemodel.Pack {
	pack := enginemodel.Pack{Name: name, Layer: m.Layer, Manifests: m.Manifests, DependsOn: m.DependsOn}
	pack.IgnoresDrift = m.Drift != nil && !*m.Drift
	if c := m.VSphereCredentials; c != nil {
		pack.Credentials = &enginemodel.Credentials{
			Namespace: c.Namespace, Secret: c.Secret, Format: c.Format, Topology: strings.Join(c.Topology, ","),
		}
	}
	if m.Chart == nil {
		pack.KeepObjects = m.Prune != nil && !*m.Prune
		pack.Wait = m.Wait == nil || *m.Wait
		pack.WaitTimeout = m.waitTimeout()
		return pack
	}
	pack.Chart = &enginemodel.Chart{
		Name:       nodeschema.OrZero(m.Chart.Name),
		Repository: nodeschema.OrZero(m.Chart.Repository),
		OCI:        nodeschema.OrZero(m.Chart.OCI),
		Path:       nodeschema.OrZero(m.Chart.Path),
		Version:    nodeschema.OrZero(m.Chart.Version),
		Digest:     nodeschema.OrZero(m.Chart.Digest),
		Namespace:  nodeschema.OrZero(m.Namespace),
		Values:     m.Values,
		// Before the workers have joined, there may be no node for what is waited for.
		Wait:    m.Layer != enginemodel.LayerCNI && m.Layer != enginemodel.LayerCPI,
		Timeout: m.waitTimeout(),
	}
	if m.Wait != nil {
		pack.Chart.Wait = *m.Wait
	}
	return pack
}

func (m packModel) waitTimeout() time.Duration {
	if m.WaitTimeout == nil {
		return defaultWaitTimeout
	}
	timeout, _ := time.ParseDuration(*m.WaitTimeout) // the validator has seen that it is one
	return timeout
}

// orderedPacks are the packs in the order in which they are applied: by layer, after those
// that they depend on, and by name.
func orderedPacks(packs map[string]packModel) ([]enginemodel.Pack, diag.Diagnostics) {
	var diags diag.Diagnostics
	names := slices.SortedFunc(maps.Keys(packs), func(a, b string) int {
		return cmp.Or(slices.Index(layers, packs[a].Layer)-slices.Index(layers, packs[b].Layer), cmp.Compare(a, b))
	})
	secrets := map[string]string{}
	for _, name := range names {
		diags.Append(checkDependencies(packs, name)...)
		diags.Append(checkCredentials(packs, name, secrets)...)
	}
	var ordered []enginemodel.Pack
	placed := map[string]bool{}
	for len(ordered) < len(names) && !diags.HasError() {
		next := slices.IndexFunc(names, func(name string) bool {
			return !placed[name] && !slices.ContainsFunc(packs[name].DependsOn, func(other string) bool { return !placed[other] })
		})
		if next < 0 {
			left := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return placed[name] })
			diags.Append(diagnostics.AttributeError(dependsOnPath(left[0]), "Packs depend on each other",
				fmt.Sprintf("None of the packs %s can be the first: each of them depends on another one. Take out one of their depends_on.",
					enginemodel.Listed(left))))
			break
		}
		placed[names[next]] = true
		ordered = append(ordered, packs[names[next]].toModel(names[next]))
	}
	return ordered, diags
}

func dependsOnPath(pack string) path.Path {
	return path.Root("profile").AtName("packs").AtMapKey(pack).AtName("depends_on")
}

// checkCredentials refuses the Secret of a pack that another one has, too; secrets are those
// of the packs before it.
func checkCredentials(packs map[string]packModel, name string, secrets map[string]string) diag.Diagnostics {
	c := packs[name].VSphereCredentials
	if c == nil {
		return nil
	}
	at := path.Root("profile").AtName("packs").AtMapKey(name).AtName("vsphere_credentials")
	if len(c.Topology) > 0 && c.Format != enginemodel.FormatCSI {
		return diag.Diagnostics{diagnostics.AttributeError(at.AtName("topology_categories"), "Topology of another format",
			fmt.Sprintf("The Secret of the format %s has no topology: the cloud provider reads its categories from its configuration. "+
				"Take topology_categories out.", c.Format))}
	}
	target := c.Namespace + "/" + c.Secret
	if other, taken := secrets[target]; taken {
		return diag.Diagnostics{diagnostics.AttributeError(at.AtName("secret"), "Secret of two packs",
			fmt.Sprintf("The pack %q has the Secret %s, too. Give each pack a Secret of its own.", other, target))}
	}
	secrets[target] = name
	return nil
}

func checkDependencies(packs map[string]packModel, name string) diag.Diagnostics {
	var diags diag.Diagnostics
	for i, other := range packs[name].DependsOn {
		at := dependsOnPath(name).AtListIndex(i)
		switch on, exists := packs[other]; {
		case other == name:
			diags.Append(diagnostics.AttributeError(at, "Pack that depends on itself",
				fmt.Sprintf("The pack %q depends on itself. Take it out of depends_on.", name)))
		case !exists:
			diags.Append(diagnostics.AttributeError(at, "No such pack",
				fmt.Sprintf("The profile has no pack %q, on which %q depends.", other, name)))
		case on.Layer != packs[name].Layer:
			diags.Append(diagnostics.AttributeError(at, "Pack of another layer",
				fmt.Sprintf("The pack %q is of layer %s, and %q of layer %s: the order of layers is fixed. Take it out of depends_on, "+
					"or put both into one layer.", other, on.Layer, name, packs[name].Layer)))
		}
	}
	return diags
}
