package vmwarecluster

import (
	"fmt"
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework-validators/boolvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/objectvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/loginsecret"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/nodeschema"
)

// sibling is another attribute of the same object.
func sibling(name string) path.Expression { return path.MatchRelative().AtParent().AtName(name) }

const (
	// maxReleaseName is Helm's, since what charts make is named by it.
	maxReleaseName = 53
	maxNamespace   = 63
)

func packsAttribute() schema.MapNestedAttribute {
	return schema.MapNestedAttribute{
		Optional: true,
		MarkdownDescription: "Helm charts and manifests that are applied to the cluster, by name. Packs are added and changed in place. " +
			"Defaults to none. Without a pack of layer `cni` the plan warns: nodes join and stay NotReady, and `health` is `Unhealthy`, " +
			"until a CNI plug-in is installed by other means. Taking a pack out uninstalls its chart, or deletes the objects of its manifests. " +
			"The guide \"Packs\" has the rest.",
		Validators: []validator.Map{
			attribute.NoNulls{}, mapvalidator.KeysAre(nodeschema.NodePoolName(), stringvalidator.LengthAtMost(maxReleaseName)),
		},
		NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
			"layer": schema.StringAttribute{
				Required: true,
				MarkdownDescription: "Layer, which sets the order: `cni`, `cpi`, `csi`, then `addon`. " +
					"Those of `cni` and `cpi` are applied before the workers join. " +
					"A pack of layer `cpi` brings the vSphere cloud provider, with its Secret: kubelet then runs with `cloud-provider=external` " +
					"on every node, a node takes pods once the cloud provider has initialized it, and an apply waits for that. " +
					"Such a pack changes in place, but is neither added to a running cluster nor removed from one.",
				Validators: []validator.String{stringvalidator.OneOf(layers...)},
			},
			"manifests": schema.ListAttribute{
				Optional:    true,
				ElementType: types.StringType,
				MarkdownDescription: "YAML texts, each of one or more documents, that are applied server-side in order. " +
					"Exactly one of `manifests` and `chart` is set.",
				Validators: []validator.List{
					attribute.NoNulls{},
					listvalidator.SizeAtLeast(1),
					listvalidator.ValueStringsAre(yamlText{}),
					listvalidator.ExactlyOneOf(sibling("chart")),
				},
			},
			"chart":  chartAttribute(),
			"values": valuesAttribute(),
			"namespace": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Namespace of the chart's release, which is made where it is missing and not deleted with the release. " +
					"Required with a chart. Another one uninstalls the release and installs it there.",
				Validators: []validator.String{
					nodeschema.NodePoolName(), stringvalidator.LengthAtMost(maxNamespace), stringvalidator.AlsoRequires(sibling("chart")),
				},
			},
			"vsphere_credentials": credentialsAttribute(),
			"depends_on":          dependsOnAttribute(),
			"wait":                waitAttribute(),
			"wait_timeout": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "How long an apply waits for the objects of the pack, and for each hook of its chart, from `1s` to `24h`, " +
					"within the `timeouts` of the resource. Once manifests have used it up, those of other packs are looked at once in that apply. " +
					"Defaults to `10m`.",
				Validators: []validator.String{nodeschema.Duration{}},
			},
			"prune":           pruneAttribute(),
			"drift_detection": driftAttribute(),
		}},
	}
}

func waitAttribute() schema.BoolAttribute {
	return schema.BoolAttribute{
		Optional: true,
		MarkdownDescription: "Whether an apply waits until the objects of the pack are ready, as kstatus judges them, before packs of later " +
			"layers and those that depend on it. Defaults to `true`; of a chart in the layers `cni` and `cpi`, which are applied before the " +
			"workers join, to `false`. Manifests of these two layers are waited for once the workers have joined. A pack that is not ready " +
			"leaves the cluster `Degraded` until an apply has seen it ready. Set `false` for what never is: the published manifest of the " +
			"vSphere CSI driver on fewer than three control-plane nodes (it has three replicas that must be apart), DaemonSets while a node " +
			"stays down, custom resources whose condition `Ready` is false by intent. Custom resources without conditions count as ready.",
	}
}

func pruneAttribute() schema.BoolAttribute {
	return schema.BoolAttribute{
		Optional: true,
		MarkdownDescription: "Whether objects that leave `manifests` are deleted, and all of them when the pack is taken out. " +
			"Never deleted is what Gantry has not made or others own, what has the annotation `gantry.io/prune: disabled`, and, " +
			"without `gantry.io/prune: enabled`, a namespace, a PersistentVolume or its claim, or a definition of " +
			"which there are resources. " +
			"Defaults to `true`. A chart's objects are Helm's.",
		Validators: []validator.Bool{boolvalidator.AlsoRequires(sibling("manifests"))},
	}
}

func driftAttribute() schema.BoolAttribute {
	return schema.BoolAttribute{
		Optional: true,
		MarkdownDescription: "Whether plans look for objects of the pack that are missing, or of which others have changed what the pack " +
			"sets. Those of `manifests` are set back, once; those of `chart` are told in a warning of each plan, which names the command " +
			"that sets them back, as the next upgrade of the release does. What others set beside is no change. Defaults to `true`.",
	}
}

func dependsOnAttribute() schema.ListAttribute {
	return schema.ListAttribute{
		Optional:    true,
		ElementType: types.StringType,
		MarkdownDescription: "Names of packs of the same layer that are applied before this one; while one of them is not applied, " +
			"this one is not either. Packs of the same layer are applied in the order of their names otherwise.",
		Validators: []validator.List{attribute.NoNulls{}, listvalidator.UniqueValues()},
	}
}

func valuesAttribute() schema.ListAttribute {
	return schema.ListAttribute{
		Optional:    true,
		ElementType: types.StringType,
		MarkdownDescription: "Values of the chart: YAML texts, such as of `yamlencode`, that are merged as `helm -f` merges files, " +
			"so that a later one wins. Comments, the order of keys and quoting are no change. Defaults to none.",
		Validators: []validator.List{
			attribute.NoNulls{},
			listvalidator.ValueStringsAre(valuesText{}),
			listvalidator.AlsoRequires(sibling("chart")),
		},
	}
}

func credentialsAttribute() schema.SingleNestedAttribute {
	return schema.SingleNestedAttribute{
		Optional: true,
		MarkdownDescription: "Secret by which the pack logs in to vCenter as `cloud_account`. It is written before the pack is applied, " +
			"written again when the account or its password changes (of a write-only password, when `cloud_account_password_wo_version` does), " +
			"whereupon workloads of the pack that mount it restart, and deleted with the pack. No state or plan has it.",
		Attributes: map[string]schema.Attribute{
			"namespace": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "Namespace of the Secret, which is made where it is missing.",
				Validators:          []validator.String{nodeschema.NodePoolName()},
			},
			"secret": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "Name of the Secret. Where there is one of that name, it is replaced.",
				Validators:          []validator.String{form{secretName, "the name of a Secret, such as vsphere-config-secret"}},
			},
			"format": schema.StringAttribute{
				Required: true,
				MarkdownDescription: "What the Secret has: for `cpi`, the cloud provider of vSphere, the keys `HOST.username` and `HOST.password`, " +
					"where `HOST` is the account's vCenter in lower case; for `csi`, the CSI driver of vSphere, `csi-vsphere.conf` with the " +
					"datacenter and the cluster's id, and `ca.crt` where the account has a certificate authority of its own.",
				Validators: []validator.String{stringvalidator.OneOf(enginemodel.FormatCPI, enginemodel.FormatCSI)},
			},
			"topology_categories": schema.ListAttribute{
				Optional:    true,
				ElementType: types.StringType,
				MarkdownDescription: fmt.Sprintf("Of the format `csi`: tag categories by which the driver knows where nodes and volumes are, "+
					"such as `[\"k8s-region\", \"k8s-zone\"]`, %d at most. It registers no node of which the compute cluster, or what is above it, "+
					"has no tag of each of them. Defaults to none: volumes are where the storage policy has them, whatever the zone of a pod.",
					loginsecret.MaxTopologyCategories),
				Validators: []validator.List{
					attribute.NoNulls{},
					listvalidator.SizeBetween(1, loginsecret.MaxTopologyCategories),
					listvalidator.UniqueValues(),
					listvalidator.ValueStringsAre(form{tagCategory, "the name of a tag category, such as k8s-zone"}),
				},
			},
		},
	}
}

// The forms of what says where a chart is. A version that floats would be another chart at
// another time.
var (
	exactVersion = regexp.MustCompile(`^v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)
	chartDigest  = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
	repositoryAt = regexp.MustCompile(`^https?://[^\s@?#]+$`)
	ociAt        = regexp.MustCompile(`^oci://[^\s/@]+(/[a-z0-9][a-z0-9._-]*)+$`)
	tagCategory  = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$`) // the name of a node's label, too
	secretName   = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)
	chartName    = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]*$`)
)

func chartAttribute() schema.SingleNestedAttribute {
	return schema.SingleNestedAttribute{
		Optional: true,
		MarkdownDescription: "Helm chart, of an HTTP repository (`name` and `repository`), an OCI registry (`oci`) or a folder (`path`). " +
			"Its release has the name of the pack, and is one that `helm list` shows. Helm's own library installs, upgrades and rolls it back.",
		Validators: []validator.Object{objectvalidator.AlsoRequires(sibling("namespace"))},
		Attributes: map[string]schema.Attribute{
			"name": schema.StringAttribute{
				Optional:            true,
				MarkdownDescription: "Name of the chart in `repository`.",
				Validators: []validator.String{
					form{chartName, "the name of a chart, such as cilium"},
					stringvalidator.AlsoRequires(sibling("repository")),
				},
			},
			"repository": schema.StringAttribute{
				Optional:            true,
				MarkdownDescription: "URL of an HTTP repository, in which `index.yaml` is. A login that it needs is in the provider's `chart_hosts`.",
				Validators: []validator.String{
					form{repositoryAt, "the URL of a repository, such as https://charts.example.com, without a login"},
					stringvalidator.AlsoRequires(sibling("name"), sibling("version")),
					stringvalidator.ExactlyOneOf(sibling("oci"), sibling("path")),
				},
			},
			"oci": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Reference of the chart in an OCI registry, without its version, such as " +
					"`oci://registry.example.com/charts/cilium`. A login that it needs is in the provider's `chart_hosts`. " +
					"A registry on `localhost` is asked without TLS.",
				Validators: []validator.String{
					form{ociAt, "a reference such as oci://registry.example.com/charts/cilium, without a tag, a digest or a login"},
					stringvalidator.AlsoRequires(sibling("version")),
				},
			},
			"path": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Folder or archive of the chart on the machine that runs Terraform, such as `${path.module}/charts/app`. " +
					"What it depends on has to be in it, as `helm dependency build` puts it there.",
				Validators: []validator.String{
					stringvalidator.LengthAtLeast(1),
					stringvalidator.ConflictsWith(sibling("version"), sibling("digest")),
				},
			},
			"version": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Exact version of the chart. A range, or none, is refused: it would be another chart at another time. " +
					"Required but for `path`.",
				Validators: []validator.String{form{exactVersion, "an exact version such as 1.16.3, and no range"}},
			},
			"digest": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Digest that the chart is held to, `sha256:` and 64 hexadecimal digits: of the archive in a repository, " +
					"as its index has it, or of the manifest in a registry, as `helm pull` prints it. " +
					"Defaults to none: then a version whose content was replaced is an upgrade.",
				Validators: []validator.String{form{chartDigest, "sha256: and 64 hexadecimal digits in lower case"}},
			},
		},
	}
}
