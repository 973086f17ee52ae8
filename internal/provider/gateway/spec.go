package gateway

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/agent"
	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/nodeschema"
)

// The parts below are decoded only where all of them is known.
type (
	placementModel struct {
		nodeschema.Placement
		Datacenter  string  `tfsdk:"datacenter"`
		Folder      *string `tfsdk:"folder"`
		ImageFolder *string `tfsdk:"image_folder"`
	}
)

// Spec implements enginecrud.Model: a gateway is a cluster of schedulable control-plane
// nodes with a fixed profile.
func (m *model) Spec(ctx context.Context) (enginemodel.ClusterSpec, diag.Diagnostics) {
	id, diags := attribute.ParseID(m.ID, path.Root("id"))
	spec := enginemodel.ClusterSpec{
		Ref:               m.ref(),
		ID:                id,
		KubernetesVersion: m.KubernetesVersion.ValueString(),
		CloneMode:         enginemodel.CloneMode(m.CloneMode.ValueString()),
		OmitAuthorities:   m.OmitsAuthorities(),
		Reset:             resetID(m.ResetTrigger.ValueString()),
	}
	var image nodeschema.ImageModel
	diags.Append(m.Image.As(ctx, &image, nodeschema.AllKnown)...)
	spec.Image = image.ToModel("") // its folder is with the placement

	common := nodeschema.Common{
		Network:           m.Network,
		LoadBalancer:      m.LoadBalancer,
		Proxy:             m.Proxy,
		Registry:          m.Registry,
		RegistryPassword:  m.RegistryPassword,
		SSHAuthorizedKeys: m.SSHAuthorizedKeys,
		NTPServers:        m.NTPServers,
		VMTags:            m.VMTags,
	}
	diags.Append(common.Set(ctx, &spec)...)

	diags.Append(m.setNodes(ctx, &spec)...)
	diags.Append(m.setOwnIPPool(ctx, &spec)...)
	diags.Append(m.ReplaceNodes.ElementsAs(ctx, &spec.ReplaceNodes, false)...)
	snapshots, more := nodeschema.EtcdSnapshots(ctx, m.EtcdSnapshot)
	diags.Append(more...)
	spec.EtcdSnapshots = snapshots
	if diags.HasError() {
		return spec, diags
	}
	packs, err := m.packs(&spec)
	if err != nil {
		diags.AddError("Unable to render the gateway's packs", err.Error())
	}
	spec.Packs = packs
	return spec, diags
}

// resetID identifies a value of reset_trigger in the record, which has room for few
// characters; empty for none.
func resetID(trigger string) string {
	if trigger == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(trigger))
	return hex.EncodeToString(sum[:5])
}

// setNodes sets where the node goes and what it is made of.
func (m *model) setNodes(ctx context.Context, spec *enginemodel.ClusterSpec) diag.Diagnostics {
	var place placementModel
	diags := m.Placement.As(ctx, &place, nodeschema.AllKnown)
	ipPool, more := attribute.ParseID(m.IPPoolID, path.Root("ip_pool_id"))
	diags.Append(more...)

	spec.Datacenter = place.Datacenter
	spec.Folder = nodeschema.OrZero(place.Folder)
	spec.Image.Folder = nodeschema.OrZero(place.ImageFolder)
	if spec.LoadBalancer.Image.Template != "" {
		spec.LoadBalancer.Image.Folder = spec.Image.Folder
	}
	spec.ControlPlane = enginemodel.NodePool{
		Name:         enginemodel.ControlPlanePool,
		Count:        int(m.NodeCount.ValueInt64()),
		CPU:          int32(m.CPU.ValueInt64()),
		MemoryGB:     m.MemoryGB.ValueInt64(),
		DiskGB:       m.DiskGB.ValueInt64(),
		MinDiskGB:    minDiskGB,
		Schedulable:  true,
		DrainTimeout: enginemodel.DefaultDrainTimeout,
		Placements:   []enginemodel.Placement{place.ToModel(ipPool)},
	}
	return diags
}

// setOwnIPPool sets the inline IP pool, if there is one.
func (m *model) setOwnIPPool(ctx context.Context, spec *enginemodel.ClusterSpec) diag.Diagnostics {
	pool, diags := m.inlinePool(ctx)
	if pool == nil || diags.HasError() {
		return diags
	}
	// What was not known when the configuration was validated is by now.
	diags.Append(pool.Validate(ctx, path.Root("ip_pool"))...)
	body, more := pool.Record(ctx, pool.Name.ValueString())
	diags.Append(more...)
	spec.OwnIPPool = &body
	return diags
}

// packs are what the gateway runs, without a look whether others have changed it: no one could
// say that they may. Of a state that does not hold the token, such as
// after an import, nothing can be said about the agent.
func (m *model) packs(spec *enginemodel.ClusterSpec) ([]enginemodel.Pack, error) {
	network, err := agent.Network(spec.PodCIDR, func(image string) string {
		return bootstrap.InRepository(spec.Registry.Repository, image)
	})
	if err != nil {
		return nil, err
	}
	packs := []enginemodel.Pack{{Name: "cni", Layer: enginemodel.LayerCNI, Manifests: network, IgnoresDrift: true}}
	config := m.agentConfig(spec)
	if config.Token == "" && m.PairingCodeWOVersion.IsNull() {
		return packs, nil
	}

	pack := enginemodel.Pack{Name: "agent", Layer: "addon", IgnoresDrift: true}
	if config.Token == "" {
		// No plan or state holds the token. That it is another one is what its version
		// says.
		config.Token = fmt.Sprintf("version %d", m.PairingCodeWOVersion.ValueInt64())
		shown, err := config.Manifests()
		if err != nil {
			return nil, err
		}
		pack.Digest = enginemodel.Pack{Manifests: shown}.Hash()
		config.Token = m.PairingCodeWO.ValueString()
		if config.Token == "" {
			return append(packs, pack), nil
		}
	}
	pack.Await = m.registration(config)
	if pack.Manifests, err = config.Manifests(); err != nil {
		return nil, err
	}
	return append(packs, pack), nil
}

// agentConfig is the agent with the token that the state holds, if it does.
func (m *model) agentConfig(spec *enginemodel.ClusterSpec) agent.Config {
	config := agent.Config{
		Gateway:     spec.Name,
		ID:          spec.ID.String(),
		Replicas:    int32(spec.ControlPlane.Count),
		Image:       m.AgentImage.ValueString(),
		Endpoint:    m.ConsoleEndpoint.ValueString(),
		Token:       m.PairingCode.ValueString(),
		PodCIDR:     spec.PodCIDR,
		ServiceCIDR: spec.ServiceCIDR,
		Direct:      m.direct(spec),
	}
	if p := spec.Proxy; p != nil {
		config.Proxy = &agent.Proxy{HTTP: p.HTTP, HTTPS: p.HTTPS, NoProxy: p.NoProxy, CACertificate: p.CACertificate}
	}
	return config
}

// direct is what the agents' runs reach without the proxy, since the gateway is next to
// it: vCenter, and the network of the nodes, on which clusters' APIs are, where the
// configuration knows it.
func (m *model) direct(spec *enginemodel.ClusterSpec) []string {
	var direct []string
	if server, ok := m.DefaultCloudAccount.Attributes()["vcenter_server"].(types.String); ok && server.ValueString() != "" {
		host := server.ValueString()
		if alone, _, err := net.SplitHostPort(host); err == nil {
			host = alone
		}
		direct = append(direct, strings.Trim(host, "[]"))
	}
	if pool := spec.OwnIPPool; pool != nil {
		start, _ := netip.ParseAddr(pool.Start)
		length := pool.PrefixLength
		if subnet, err := netip.ParsePrefix(pool.Subnet); err == nil {
			start = subnet.Addr()
			length = cmp.Or(length, subnet.Bits())
		}
		if network, err := start.Prefix(length); err == nil && network.IsValid() {
			direct = append(direct, network.String())
		}
	}
	return direct
}

// registration is what shows that the agents have registered: one that the console
// refuses, or that cannot reach it, ends and starts again.
func (m *model) registration(config agent.Config) *enginemodel.Deployment {
	// The validator has seen that it is a duration.
	timeout, _ := time.ParseDuration(m.RegistrationTimeout.ValueString())
	return &enginemodel.Deployment{
		Namespace: agent.Namespace,
		Name:      agent.Deployment,
		Timeout:   timeout,
		Explain: func(ends []enginemodel.ContainerEnd) string {
			var ours []agent.End
			for _, end := range ends {
				ours = append(ours, agent.End{Waiting: end.Waiting, Message: end.Message, ExitCode: end.ExitCode, Log: end.Log})
			}
			return agent.Explain(ours, config.Secrets())
		},
	}
}
