package gateway

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/gantry/terraform-provider-gantry/internal/agent"
	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/provider/lifecycle"
)

// The parts below are decoded only where all of them is known.
type (
	imageModel struct {
		Template string `tfsdk:"template"`
	}
	placementModel struct {
		Datacenter     string  `tfsdk:"datacenter"`
		ComputeCluster string  `tfsdk:"compute_cluster"`
		Datastore      string  `tfsdk:"datastore"`
		Network        string  `tfsdk:"network"`
		ResourcePool   *string `tfsdk:"resource_pool"`
		Folder         *string `tfsdk:"folder"`
		ImageFolder    *string `tfsdk:"image_folder"`
	}
)

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// Spec is the gateway as a cluster of one schedulable control-plane node.
func (m *model) Spec(ctx context.Context) (engine.ClusterSpec, diag.Diagnostics) {
	var diags diag.Diagnostics
	var image imageModel
	diags.Append(m.Image.As(ctx, &image, lifecycle.Strict)...)
	var place placementModel
	diags.Append(m.Placement.As(ctx, &place, lifecycle.Strict)...)
	network, d := lifecycle.DecodeNetwork(ctx, m.Network)
	diags.Append(d...)
	proxy, d := lifecycle.DecodeProxy(ctx, m.Proxy)
	diags.Append(d...)

	spec := engine.ClusterSpec{
		Kind: engine.KindGateway, ID: m.ID.ValueString(), Name: m.Name.ValueString(),
		KubernetesVersion: m.KubernetesVersion.ValueString(), Template: image.Template, ImageFolder: text(place.ImageFolder),
		Datacenter: place.Datacenter, Folder: text(place.Folder),
		PodCIDR: network.PodCIDR, ServiceCIDR: network.ServiceCIDR, Proxy: proxy,
		CloneMode: engine.CloneMode(m.CloneMode.ValueString()),
		ControlPlane: engine.PoolSpec{
			Name: engine.ControlPlanePool, Count: int(m.NodeCount.ValueInt64()), CPU: int32(m.CPU.ValueInt64()),
			MemoryGB: m.MemoryGB.ValueInt64(), DiskGB: m.DiskGB.ValueInt64(), Schedulable: true, DrainTimeout: engine.DefaultDrainTimeout,
			Placements: []engine.Placement{{
				ComputeCluster: place.ComputeCluster, Datastore: place.Datastore, Network: place.Network,
				ResourcePool: text(place.ResourcePool), IPPoolID: m.IPPoolID.ValueString(),
			}},
		},
	}
	diags.Append(lifecycle.Strings(ctx, m.SSHAuthorizedKeys, &spec.SSHAuthorizedKeys)...)
	diags.Append(lifecycle.Strings(ctx, m.NTPServers, &spec.NTPServers)...)
	pool, d := m.pool(ctx)
	diags.Append(d...)
	if pool != nil {
		// What was not known when the configuration was validated is by now.
		diags.Append(pool.Validate(ctx, path.Root("ip_pool"))...)
		body, d := pool.Body(ctx, pool.Name.ValueString())
		diags.Append(d...)
		spec.OwnPool = &body
	}
	if diags.HasError() {
		return spec, diags
	}
	packs, err := m.packs(&spec)
	if err != nil {
		diags.AddError("Unable to render what the gateway runs", err.Error())
	}
	spec.Packs = packs
	return spec, diags
}

// packs are what the gateway runs. Of a state that does not know the token, as
// after an import, nothing can be told about the agent.
func (m *model) packs(spec *engine.ClusterSpec) ([]engine.Pack, error) {
	network, err := agent.Network(spec.PodCIDR)
	if err != nil {
		return nil, err
	}
	packs := []engine.Pack{{Name: "cni", Layer: engine.LayerCNI, Manifests: network}}
	config := agent.Config{
		Gateway: spec.Name, Image: m.AgentImage.ValueString(), Endpoint: m.ConsoleEndpoint.ValueString(), Token: m.PairingCode.ValueString(),
		PodCIDR: spec.PodCIDR, ServiceCIDR: spec.ServiceCIDR,
	}
	if p := spec.Proxy; p != nil {
		config.Proxy = &agent.Proxy{HTTP: p.HTTP, HTTPS: p.HTTPS, NoProxy: p.NoProxy, CACertificate: p.CACertificate}
	}
	if config.Token == "" && m.PairingCodeWOVersion.IsNull() {
		return packs, nil
	}
	pack := engine.Pack{Name: "agent", Layer: "addon", Await: m.registration()}
	if config.Token == "" {
		// No plan or state knows the token. That it is another one is what its
		// version says.
		config.Token = fmt.Sprintf("version %d", m.PairingCodeWOVersion.ValueInt64())
		shown, err := config.Manifests()
		if err != nil {
			return nil, err
		}
		pack.Digest = engine.Pack{Manifests: shown}.Hash()
		config.Token = m.PairingCodeWO.ValueString()
		if config.Token == "" {
			return append(packs, pack), nil
		}
	}
	if pack.Manifests, err = config.Manifests(); err != nil {
		return nil, err
	}
	return append(packs, pack), nil
}

// registration is what shows that the agent has registered: an agent that the
// console refuses, or that does not reach it, ends and starts again.
func (m *model) registration() *engine.Deployment {
	// The validator has seen that it is a duration.
	timeout, _ := time.ParseDuration(m.RegistrationTimeout.ValueString())
	return &engine.Deployment{
		Namespace: agent.Namespace, Name: agent.Deployment, Timeout: timeout,
		Advice: "The agent has not registered with the console. See that console_endpoint is reachable from the gateway's node, by way of proxy where there is one, " +
			"that the pairing code is a token of one of its agent pools, and that agent_image can be pulled; then apply again. " +
			"`kubectl -n " + agent.Namespace + " logs deployment/" + agent.Deployment + "` tells more. A slow network may need a longer registration_timeout.",
	}
}

// fields are the attributes that the engine's fields stand for, which are those
// of gantry_vmware_cluster.
var fields = strings.NewReplacer(
	"control_plane.placement", "placement",
	"control_plane.", "",
	"profile.image.", "image.",
)

// Field is the attribute of the gateway that a field of the engine's stands for.
func (m *model) Field(f engine.Field) engine.Field {
	switch f {
	case "datacenter", "folder", "image_folder":
		return "placement." + f
	case "profile.packs":
		return "agent_image"
	case "control_plane":
		return "name"
	case "control_plane.placement.ip_pool_id":
		if m.IPPool.IsNull() {
			return "ip_pool_id"
		}
		return "ip_pool"
	}
	return engine.Field(fields.Replace(string(f)))
}
