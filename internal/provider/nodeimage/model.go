package nodeimage

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/crud"
	"github.com/gantry/terraform-provider-gantry/internal/provider/kubernetesschema"
	"github.com/gantry/terraform-provider-gantry/internal/provider/nodeschema"
)

// model is the values of gantry_node_image.
type model struct {
	ID          types.String   `tfsdk:"id"`
	Template    types.String   `tfsdk:"template"`
	Name        types.String   `tfsdk:"name"`
	Base        types.Object   `tfsdk:"base"`
	Build       types.Object   `tfsdk:"build"`
	Placement   types.Object   `tfsdk:"placement"`
	Network     types.Object   `tfsdk:"network"`
	IPPoolID    types.String   `tfsdk:"ip_pool_id"`
	Proxy       types.Object   `tfsdk:"proxy"`
	ImageFolder types.String   `tfsdk:"image_folder"`
	Timeouts    timeouts.Value `tfsdk:"timeouts"`
}

// The parts below are decoded only where all of them is known.
type (
	baseModel struct {
		Template      *string `tfsdk:"template"`
		OVAURL        *string `tfsdk:"ova_url"`
		SHA256        *string `tfsdk:"sha256"`
		CACertificate *string `tfsdk:"ca_certificate"`
	}
	placementModel struct {
		Datacenter       string  `tfsdk:"datacenter"`
		ComputeCluster   string  `tfsdk:"compute_cluster"`
		Datastore        *string `tfsdk:"datastore"`
		DatastoreCluster *string `tfsdk:"datastore_cluster"`
		StoragePolicy    *string `tfsdk:"storage_policy"`
		Network          string  `tfsdk:"network"`
		ResourcePool     *string `tfsdk:"resource_pool"`
	}
)

// subject names the image in messages.
func (m *model) subject() string {
	if m.Name.ValueString() == "" {
		return "node image"
	}
	return fmt.Sprintf("node image %q", m.Name.ValueString())
}

// spec is what the engine is told: that of a cluster of which there is nothing but the image. All
// that was configured is known.
func (m *model) spec(ctx context.Context) (enginemodel.ClusterSpec, diag.Diagnostics) {
	var base baseModel
	diags := m.Base.As(ctx, &base, nodeschema.AllKnown)
	var build kubernetesschema.BuildModel
	diags.Append(m.Build.As(ctx, &build, nodeschema.AllKnown)...)
	var place placementModel
	diags.Append(m.Placement.As(ctx, &place, nodeschema.AllKnown)...)
	proxy, more := nodeschema.DecodeProxy(ctx, m.Proxy)
	diags.Append(more...)
	ipPool, more := attribute.ParseID(m.IPPoolID, path.Root("ip_pool_id"))
	diags.Append(more...)
	if diags.HasError() {
		return enginemodel.ClusterSpec{}, diags
	}
	image := imageOf(base, build, m.ImageFolder.ValueString())
	return enginemodel.ClusterSpec{
		Ref:        record.Ref{Kind: record.KindImage, Name: m.Name.ValueString()},
		New:        true,
		Image:      image,
		Datacenter: place.Datacenter,
		Allocation: nodeschema.Allocation(m.Network),
		Proxy:      proxy,
		ControlPlane: enginemodel.NodePool{
			Name:     enginemodel.ControlPlanePool,
			CPU:      image.Build.CPU,
			MemoryGB: image.Build.MemoryGB,
			Placements: []enginemodel.Placement{nodeschema.Placement{
				ComputeCluster: place.ComputeCluster, Datastore: place.Datastore, DatastoreCluster: place.DatastoreCluster,
				StoragePolicy: place.StoragePolicy, Network: place.Network, ResourcePool: place.ResourcePool,
			}.ToModel(ipPool)},
		},
	}, diags
}

// image is the image that is built, of what is known.
func (m *model) image(ctx context.Context) (enginemodel.Image, diag.Diagnostics) {
	var base baseModel
	diags := m.Base.As(ctx, &base, nodeschema.AllKnown)
	var build kubernetesschema.BuildModel
	diags.Append(m.Build.As(ctx, &build, nodeschema.AllKnown)...)
	if diags.HasError() {
		return enginemodel.Image{}, diags
	}
	return imageOf(base, build, m.ImageFolder.ValueString()), diags
}

func imageOf(base baseModel, build kubernetesschema.BuildModel, folder string) enginemodel.Image {
	source := nodeschema.ImageModel{
		Template: base.Template, OVAURL: base.OVAURL, SHA256: base.SHA256, CACertificate: base.CACertificate,
	}.ToModel(folder)
	if source.OVA == nil {
		source.Folder = "" // a template is looked up in the whole datacenter
	}
	return build.ToModel(source, folder)
}

// fields are the attributes by the fields of the spec that they become.
var fields = map[enginemodel.FieldName]path.Path{
	enginemodel.FieldTemplate:         path.Root("base").AtName("template"),
	enginemodel.FieldBuild:            path.Root("build"),
	enginemodel.FieldImageFolder:      path.Root("image_folder"),
	enginemodel.FieldDatacenter:       path.Root("placement").AtName("datacenter"),
	enginemodel.FieldFolder:           path.Root("placement").AtName("datacenter"), // its own VM folder
	enginemodel.FieldIPPool:           path.Root("ip_pool_id"),
	enginemodel.FieldProxy:            path.Root("proxy"),
	enginemodel.FieldProxyHTTP:        path.Root("proxy").AtName("http"),
	enginemodel.FieldProxyHTTPS:       path.Root("proxy").AtName("https"),
	enginemodel.FieldNoProxy:          path.Root("proxy").AtName("no_proxy"),
	enginemodel.FieldProxyCertificate: path.Root("proxy").AtName("ca_certificate"),
}

// attributePath is where a field of the spec stands.
func (m *model) attributePath(f enginemodel.Field) path.Path {
	at, ok := fields[f.Name]
	if f.Name == enginemodel.FieldTemplate {
		return nodeschema.SourcePath(at, m.Base)
	}
	if !ok {
		at, ok = nodeschema.PlacementPath(path.Root("placement"), f.Name)
	}
	if !ok {
		return path.Root("name")
	}
	return at
}

// held is what private state keeps of an image: by what it is known, and of what it was made. No
// name is in it, which may mean another template by now.
type held struct {
	VCenter     string             `json:"vcenter"` // instance UUID
	Ref         string             `json:"ref"`
	UUID        string             `json:"uuid"`
	Record      uuid.UUID          `json:"record"`
	Incarnation record.Incarnation `json:"incarnation"`
	Digest      string             `json:"digest"`
	Datacenter  string             `json:"datacenter"`         // reference
	BaseRef     string             `json:"base_ref,omitempty"` // empty: an OVA's, or not known
	Base        string             `json:"base,omitempty"`     // the path that it had then
	// Imported is true until the record says that this resource holds the image, and Takes is then the
	// holder in whose place it is.
	Imported bool               `json:"imported,omitempty"`
	Takes    record.Incarnation `json:"takes,omitempty"`
	// Gone is true where the template is not there and the record still says that this holds it.
	Gone bool `json:"gone,omitempty"`
}

// heldKey is where private state keeps it, and takesKey where an import notes the holder that it takes
// over, until it is read.
const (
	heldKey  = "node_image"
	takesKey = "node_image_takes"
)

// heldOf is what is held of an image that is there.
func heldOf(eng *engine.Engine, made *enginemodel.MadeImage) held {
	return held{
		Ref: made.Ref, UUID: made.UUID, Record: eng.ImageRecordID(made),
		Digest: made.Digest, Datacenter: made.Datacenter, BaseRef: made.BaseRef, Base: made.Base,
	}
}

func (h held) identity() enginemodel.ImageIdentity {
	return enginemodel.ImageIdentity{Ref: h.Ref, UUID: h.UUID}
}

func (h held) target(name string) engine.ImageTarget {
	return engine.ImageTarget{ImageIdentity: h.identity(), Name: name, RecordID: h.Record, Incarnation: h.Incarnation, Takes: h.Takes}
}

// readHeld returns what private state keeps; false where it keeps nothing.
func readHeld(ctx context.Context, private crud.PrivateReader) (held, bool, diag.Diagnostics) {
	var h held
	known, diags := crud.ReadPrivate(ctx, private, heldKey, &h, "By what the image is known", "Restore an earlier version of the state")
	return h, known, diags
}

func (h held) write(ctx context.Context, private crud.PrivateWriter) diag.Diagnostics {
	return crud.WritePrivate(ctx, private, heldKey, h)
}
