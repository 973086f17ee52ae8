package vmwarecluster

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/provider/lifecycle"
)

// model is gantry_vmware_cluster as Terraform holds it.
type model struct {
	lifecycle.Computed
	Name                   types.String   `tfsdk:"name"`
	CloudAccount           types.Object   `tfsdk:"cloud_account"`
	AccountPasswordWO      types.String   `tfsdk:"cloud_account_password_wo"`
	AccountPasswordVersion types.Int64    `tfsdk:"cloud_account_password_wo_version"`
	Profile                types.Object   `tfsdk:"profile"`
	Datacenter             types.String   `tfsdk:"datacenter"`
	Folder                 types.String   `tfsdk:"folder"`
	ImageFolder            types.String   `tfsdk:"image_folder"`
	Network                types.Object   `tfsdk:"network"`
	ControlPlane           types.Object   `tfsdk:"control_plane"`
	WorkerPools            types.Map      `tfsdk:"worker_pools"`
	SSHAuthorizedKeys      types.List     `tfsdk:"ssh_authorized_keys"`
	NTPServers             types.List     `tfsdk:"ntp_servers"`
	Proxy                  types.Object   `tfsdk:"proxy"`
	CloneMode              types.String   `tfsdk:"clone_mode"`
	IncompleteCreate       types.String   `tfsdk:"incomplete_create"`
	DeletionProtection     types.Bool     `tfsdk:"deletion_protection"`
	ClientConfiguration    types.Object   `tfsdk:"kubernetes_client_configuration"`
	Timeouts               timeouts.Value `tfsdk:"timeouts"`
}

// The parts below are decoded only where all of them is known.
type (
	accountModel struct {
		ID                 string  `tfsdk:"id"`
		Name               string  `tfsdk:"name"`
		VCenterServer      string  `tfsdk:"vcenter_server"`
		Username           string  `tfsdk:"username"`
		GatewayID          *string `tfsdk:"gateway_id"`
		Password           *string `tfsdk:"password"`
		CACertificate      *string `tfsdk:"ca_certificate"`
		InsecureSkipVerify *bool   `tfsdk:"insecure_skip_verify"`
	}
	profileModel struct {
		KubernetesVersion string `tfsdk:"kubernetes_version"`
		Image             struct {
			Template string `tfsdk:"template"`
		} `tfsdk:"image"`
		Packs map[string]struct {
			Layer     string   `tfsdk:"layer"`
			Manifests []string `tfsdk:"manifests"`
		} `tfsdk:"packs"`
	}
	nodesModel struct {
		NodeCount   int64             `tfsdk:"node_count"`
		CPU         int64             `tfsdk:"cpu"`
		MemoryGB    int64             `tfsdk:"memory_gb"`
		DiskGB      *int64            `tfsdk:"disk_gb"`
		Labels      map[string]string `tfsdk:"labels"`
		Annotations map[string]string `tfsdk:"annotations"`
		Taints      []struct {
			Key    string  `tfsdk:"key"`
			Value  *string `tfsdk:"value"`
			Effect string  `tfsdk:"effect"`
		} `tfsdk:"taints"`
	}
	controlPlaneModel struct {
		nodesModel
		Schedulable bool           `tfsdk:"schedulable"`
		Placement   placementModel `tfsdk:"placement"`
	}
	workerPoolModel struct {
		nodesModel
		Placements    []placementModel `tfsdk:"placements"`
		RollingUpdate *struct {
			Strategy     *string `tfsdk:"strategy"` // older states have none
			DrainTimeout string  `tfsdk:"drain_timeout"`
		} `tfsdk:"rolling_update"`
	}
	placementModel struct {
		ComputeCluster string  `tfsdk:"compute_cluster"`
		Datastore      string  `tfsdk:"datastore"`
		Network        string  `tfsdk:"network"`
		ResourcePool   *string `tfsdk:"resource_pool"`
		IPPoolID       string  `tfsdk:"ip_pool_id"`
	}
)

func (m placementModel) toEngine() engine.Placement {
	return engine.Placement{
		ComputeCluster: m.ComputeCluster, Datastore: m.Datastore, Network: m.Network,
		ResourcePool: value(m.ResourcePool), IPPoolID: m.IPPoolID,
	}
}

func (m nodesModel) toEngine(name string) engine.PoolSpec {
	pool := engine.PoolSpec{
		Name: name, Count: int(m.NodeCount), CPU: int32(m.CPU), MemoryGB: m.MemoryGB, DiskGB: value(m.DiskGB),
		Labels: m.Labels, Annotations: m.Annotations, DrainTimeout: engine.DefaultDrainTimeout,
	}
	for _, t := range m.Taints {
		pool.Taints = append(pool.Taints, engine.Taint{Key: t.Key, Value: value(t.Value), Effect: t.Effect})
	}
	return pool
}

// value is what a pointer points at; zero for none.
func value[T any](p *T) T {
	var zero T
	if p == nil {
		return zero
	}
	return *p
}

// account decodes the cloud account.
func (m *model) account(ctx context.Context) (accountModel, diag.Diagnostics) {
	var a accountModel
	return a, m.CloudAccount.As(ctx, &a, lifecycle.Strict)
}

// Spec is what the engine is asked for. It is called only when every input is
// known.
func (m *model) Spec(ctx context.Context) (engine.ClusterSpec, diag.Diagnostics) {
	var diags diag.Diagnostics
	account, d := m.account(ctx)
	diags.Append(d...)
	var profile profileModel
	diags.Append(m.Profile.As(ctx, &profile, lifecycle.Strict)...)
	var control controlPlaneModel
	diags.Append(m.ControlPlane.As(ctx, &control, lifecycle.Strict)...)
	pools := map[string]workerPoolModel{}
	diags.Append(m.WorkerPools.ElementsAs(ctx, &pools, false)...)
	network, d := lifecycle.DecodeNetwork(ctx, m.Network)
	diags.Append(d...)
	proxy, d := lifecycle.DecodeProxy(ctx, m.Proxy)
	diags.Append(d...)

	spec := engine.ClusterSpec{
		Kind: engine.KindCluster, ID: m.ID.ValueString(), Name: m.Name.ValueString(), GatewayID: value(account.GatewayID),
		KubernetesVersion: profile.KubernetesVersion, Template: profile.Image.Template, ImageFolder: m.ImageFolder.ValueString(),
		Datacenter: m.Datacenter.ValueString(), Folder: m.Folder.ValueString(),
		PodCIDR: network.PodCIDR, ServiceCIDR: network.ServiceCIDR, Proxy: proxy,
		CloneMode: engine.CloneMode(m.CloneMode.ValueString()),
	}
	diags.Append(lifecycle.Strings(ctx, m.SSHAuthorizedKeys, &spec.SSHAuthorizedKeys)...)
	diags.Append(lifecycle.Strings(ctx, m.NTPServers, &spec.NTPServers)...)

	spec.ControlPlane = control.nodesModel.toEngine(engine.ControlPlanePool)
	spec.ControlPlane.Schedulable = control.Schedulable
	spec.ControlPlane.Placements = []engine.Placement{control.Placement.toEngine()}
	for _, name := range slices.Sorted(maps.Keys(pools)) {
		pool := pools[name].nodesModel.toEngine(name)
		for _, p := range pools[name].Placements {
			pool.Placements = append(pool.Placements, p.toEngine())
		}
		if r := pools[name].RollingUpdate; r != nil {
			// The validator has seen that it is a duration.
			pool.DrainTimeout, _ = time.ParseDuration(r.DrainTimeout)
			pool.Strategy = engine.RollStrategy(value(r.Strategy))
		}
		spec.Workers = append(spec.Workers, pool)
	}
	for name, p := range profile.Packs {
		spec.Packs = append(spec.Packs, engine.Pack{Name: name, Layer: p.Layer, Manifests: p.Manifests})
	}
	slices.SortFunc(spec.Packs, func(a, b engine.Pack) int {
		return cmp.Or(slices.Index(layers, a.Layer)-slices.Index(layers, b.Layer), cmp.Compare(a.Name, b.Name))
	})
	return spec, diags
}

// identity is the account as the engine's builder logs in. The write-only
// password comes from the configuration; no plan or state holds it.
func (a accountModel) identity(writeOnly types.String) *lifecycle.Identity {
	id := &lifecycle.Identity{
		Server: a.VCenterServer, Username: a.Username, Password: value(a.Password),
		CACertificate: value(a.CACertificate), Insecure: value(a.InsecureSkipVerify),
	}
	if id.Password == "" {
		id.Password = writeOnly.ValueString()
	}
	return id
}
