package vmwarecluster

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/kubernetesschema"
	"github.com/gantry/terraform-provider-gantry/internal/provider/nodeschema"
)

// The parts below are decoded only where all of them is known.
type (
	profileModel struct {
		KubernetesVersion string                  `tfsdk:"kubernetes_version"`
		Image             profileImageModel       `tfsdk:"image"`
		Kubernetes        *kubernetesschema.Model `tfsdk:"kubernetes"`
		Packs             map[string]packModel    `tfsdk:"packs"`
	}
	profileImageModel struct {
		nodeschema.ImageModel
		Build *kubernetesschema.BuildModel `tfsdk:"build"`
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
		kubernetesschema.SetupModel
	}
	controlPlaneModel struct {
		nodesModel
		Schedulable   bool             `tfsdk:"schedulable"`
		Placements    []placementModel `tfsdk:"placements"`
		Policy        *string          `tfsdk:"placement_policy"`
		RollingUpdate *struct {
			DrainTimeout string `tfsdk:"drain_timeout"`
		} `tfsdk:"rolling_update"`
	}
	workerPoolModel struct {
		nodesModel
		KubernetesVersion *string                `tfsdk:"kubernetes_version"`
		Image             *nodeschema.ImageModel `tfsdk:"image"`
		Spread            *string                `tfsdk:"spread"`
		Policy            *string                `tfsdk:"placement_policy"`
		Placements        []placementModel       `tfsdk:"placements"`
		RollingUpdate     *rollingModel          `tfsdk:"rolling_update"`
	}
	rollingModel struct {
		Strategy       *string `tfsdk:"strategy"` // older states have none
		MaxSurge       *int64  `tfsdk:"max_surge"`
		MaxUnavailable *int64  `tfsdk:"max_unavailable"`
		NodePause      *string `tfsdk:"node_pause"`
		DrainTimeout   string  `tfsdk:"drain_timeout"`
	}
	repairModel struct {
		NotReadyAfter string `tfsdk:"not_ready_after"`
		MaxUnhealthy  int64  `tfsdk:"max_unhealthy"`
	}
	placementModel struct {
		nodeschema.Placement
		IPPoolID *string `tfsdk:"ip_pool_id"`
	}
)

// toModel returns the image, which may be built of what the attributes of others say.
func (i profileImageModel) toModel(folder string) enginemodel.Image {
	image := i.ToModel(folder)
	if i.Build == nil {
		return image
	}
	return i.Build.ToModel(image, folder)
}

// Spec implements enginecrud.Model.
func (m *model) Spec(ctx context.Context) (enginemodel.ClusterSpec, diag.Diagnostics) {
	ref, diags := m.ref(ctx)
	id, more := attribute.ParseID(m.ID, path.Root("id"))
	diags.Append(more...)
	spec := enginemodel.ClusterSpec{
		Ref:             ref,
		ID:              id,
		NameTemplate:    m.NameTemplate.ValueString(),
		Description:     m.Description.ValueString(),
		Datacenter:      m.Datacenter.ValueString(),
		Folder:          m.Folder.ValueString(),
		CloneMode:       enginemodel.CloneMode(m.CloneMode.ValueString()),
		OmitAuthorities: m.OmitsAuthorities(),
	}
	diags.Append(m.Tags.ElementsAs(ctx, &spec.Tags, false)...)

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
	diags.Append(m.setProxy(ctx, &spec)...)

	settings, more := m.setProfile(ctx, &spec)
	diags.Append(more...)
	diags.Append(m.setControlPlane(ctx, &spec, settings)...)
	diags.Append(m.setWorkers(ctx, &spec, settings)...)
	diags.Append(m.setRepair(ctx, &spec)...)
	diags.Append(m.setLoadBalancerPools(ctx, &spec)...)
	diags.Append(m.setUsageLimits(ctx, &spec)...)
	spec.EtcdSnapshots, more = nodeschema.EtcdSnapshots(ctx, m.EtcdSnapshot)
	diags.Append(more...)
	diags.Append(nodeschema.SetRestore(ctx, m.RestoreFromSnapshot, &spec)...)
	return spec, diags
}

// setProfile sets what the cluster is made of, and returns the settings of Kubernetes, which
// node pools add to.
func (m *model) setProfile(ctx context.Context, spec *enginemodel.ClusterSpec) (*kubernetesschema.Model, diag.Diagnostics) {
	var profile profileModel
	diags := m.Profile.As(ctx, &profile, nodeschema.AllKnown)
	spec.KubernetesVersion = profile.KubernetesVersion
	spec.Image = profile.Image.toModel(m.ImageFolder.ValueString())
	spec.LoadBalancer.Image.Folder = m.loadBalancerFolder(spec)
	spec.Settings = profile.Kubernetes.Settings()
	spec.EncryptionVersion = profile.Kubernetes.EncryptionVersion()
	packs, more := orderedPacks(profile.Packs)
	diags.Append(more...)
	spec.Packs = packs
	spec.RefuseConflicts = m.OverrideConflicts.ValueString() == conflictsError
	diags.Append(m.setOverrides(ctx, profile.Packs, spec.Packs)...)
	return profile.Kubernetes, diags
}

// loadBalancerFolder is where the load balancer's own image is looked up; empty where it has
// none.
func (m *model) loadBalancerFolder(spec *enginemodel.ClusterSpec) string {
	if spec.LoadBalancer.Image.Template == "" {
		return ""
	}
	return m.ImageFolder.ValueString()
}

func (m *model) setControlPlane(
	ctx context.Context, spec *enginemodel.ClusterSpec, settings *kubernetesschema.Model,
) diag.Diagnostics {
	var control controlPlaneModel
	diags := m.ControlPlane.As(ctx, &control, nodeschema.AllKnown)
	if diags.HasError() {
		return diags
	}
	pool := control.toModel(enginemodel.ControlPlanePool)
	pool.Schedulable = control.Schedulable
	pool.AnyPlacement = nodeschema.OrZero(control.Policy) == anyPlacement
	pool.Setup = settings.Setup(control.SetupModel)
	if r := control.RollingUpdate; r != nil {
		pool.DrainTimeout, _ = time.ParseDuration(r.DrainTimeout) // the validator has seen that it is one
	}
	var more diag.Diagnostics
	pool.Placements, more = toPlacements(control.Placements, nodePoolPath(pool.Name))
	diags.Append(more...)
	spec.ControlPlane = pool
	return diags
}

func (m *model) setWorkers(ctx context.Context, spec *enginemodel.ClusterSpec, settings *kubernetesschema.Model) diag.Diagnostics {
	pools := map[string]workerPoolModel{}
	diags := m.WorkerPools.ElementsAs(ctx, &pools, false)
	for _, name := range slices.Sorted(maps.Keys(pools)) {
		worker := pools[name]
		pool := worker.toModel(name)
		pool.Spread = enginemodel.Spread(nodeschema.OrZero(worker.Spread))
		pool.AnyPlacement = nodeschema.OrZero(worker.Policy) == anyPlacement
		pool.KubernetesVersion = nodeschema.OrZero(worker.KubernetesVersion)
		pool.Setup = settings.Setup(worker.SetupModel)
		if worker.Image != nil {
			pool.Image = worker.Image.ToModel(m.ImageFolder.ValueString())
		}
		var more diag.Diagnostics
		pool.Placements, more = toPlacements(worker.Placements, nodePoolPath(name))
		diags.Append(more...)
		if r := worker.RollingUpdate; r != nil {
			r.set(&pool)
		}
		spec.Workers = append(spec.Workers, pool)
	}
	return diags
}

func (r rollingModel) set(pool *enginemodel.NodePool) {
	pool.Strategy = enginemodel.RollStrategy(nodeschema.OrZero(r.Strategy))
	pool.MaxSurge = int(nodeschema.OrZero(r.MaxSurge))
	pool.MaxUnavailable = int(nodeschema.OrZero(r.MaxUnavailable))
	// The validators have seen that these are durations.
	pool.NodePause, _ = time.ParseDuration(nodeschema.OrZero(r.NodePause))
	pool.DrainTimeout, _ = time.ParseDuration(r.DrainTimeout)
}

// setRepair sets which nodes are built anew although the configuration of their pool is
// as it was.
func (m *model) setRepair(ctx context.Context, spec *enginemodel.ClusterSpec) diag.Diagnostics {
	diags := m.ReplaceNodes.ElementsAs(ctx, &spec.ReplaceNodes, false)
	if m.Repair.IsNull() {
		return diags
	}
	var repair repairModel
	diags.Append(m.Repair.As(ctx, &repair, nodeschema.AllKnown)...)
	spec.Repair = &enginemodel.Repair{MaxUnhealthy: int(repair.MaxUnhealthy)}
	spec.Repair.NotReadyAfter, _ = time.ParseDuration(repair.NotReadyAfter)
	return diags
}

func (m nodesModel) toModel(name string) enginemodel.NodePool {
	pool := enginemodel.NodePool{
		Name:         name,
		Count:        int(m.NodeCount),
		CPU:          int32(m.CPU),
		MemoryGB:     m.MemoryGB,
		DiskGB:       nodeschema.OrZero(m.DiskGB),
		Meta:         enginemodel.NodeMeta{Labels: m.Labels, Annotations: m.Annotations},
		DrainTimeout: enginemodel.DefaultDrainTimeout,
	}
	for _, taint := range m.Taints {
		pool.Meta.Taints = append(pool.Meta.Taints, enginemodel.Taint{
			Key:    taint.Key,
			Value:  nodeschema.OrZero(taint.Value),
			Effect: taint.Effect,
		})
	}
	return pool
}

// toPlacements are the placements of the node pool at a path.
func toPlacements(models []placementModel, pool path.Path) ([]enginemodel.Placement, diag.Diagnostics) {
	var diags diag.Diagnostics
	var placements []enginemodel.Placement
	for i, m := range models {
		placement, more := m.toModel(pool.AtName("placements").AtListIndex(i))
		diags.Append(more...)
		placements = append(placements, placement)
	}
	return placements, diags
}

func (m placementModel) toModel(at path.Path) (enginemodel.Placement, diag.Diagnostics) {
	id, diags := attribute.ParseID(types.StringPointerValue(m.IPPoolID), at.AtName("ip_pool_id"))
	return m.ToModel(id), diags
}
