package kubernetesschema

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/nodeschema"
)

// ImageBuild is the attribute build of an image.
func ImageBuild() schema.SingleNestedAttribute {
	size := func(doc string, least, most int64) schema.Int64Attribute {
		return schema.Int64Attribute{
			CustomType:          attribute.Int64Type{},
			Optional:            true,
			MarkdownDescription: doc,
			Validators:          []validator.Int64{int64validator.Between(least, most)},
		}
	}
	return schema.SingleNestedAttribute{
		Optional: true,
		MarkdownDescription: "What is done to `template`, or to the OVA, before nodes are cloned: Gantry builds another template of it, once " +
			"in each datacenter, in `image_folder`, that is named by what it is built of and stays for later clusters. The VM in which it is " +
			"built is on the control plane's first placement, goes through the cluster's proxy, and takes one more address of the control " +
			"plane's IP pool meanwhile, or a lease. A change of scripts, files or of the version that is installed rolls what is built from " +
			"the image. All of it has to fit into 64 KiB, compressed and encoded. " +
			"The guide [Node image](../guides/node-image.md#an-image-that-gantry-builds) has more. Defaults to none.",
		Attributes: map[string]schema.Attribute{
			"scripts": schema.ListAttribute{
				Optional:    true,
				ElementType: types.StringType,
				MarkdownDescription: "Scripts for `bash`, without which `install_kubernetes` is to be set. They run one after the other as root, " +
					"once the network is up and files are written. The first command that fails ends them, and its output is in the error. " +
					fmt.Sprintf("They have %.0f hours together, and no longer than `timeouts`. ", bootstrap.ScriptsEndAfter.Hours()) +
					"They see the variables of the cluster's proxy. They are in the state, and what they write is in the image: no place for secrets.",
				Validators: []validator.List{
					attribute.NoNulls{},
					listvalidator.AtLeastOneOf(path.MatchRelative().AtParent().AtName("install_kubernetes")),
					listvalidator.SizeBetween(1, 100),
					listvalidator.ValueStringsAre(stringvalidator.LengthAtLeast(1), plainText{}),
				},
			},
			"files":              buildFilesAttribute(),
			"install_kubernetes": installAttribute(),
			"cpu": size(fmt.Sprintf("Number of CPUs of the VM in which it is built, from 1 to 128. A change builds nothing anew. Defaults to `%d`.",
				model.DefaultBuildCPU), 1, 128),
			"memory_gb": size(fmt.Sprintf("Memory of that VM in GB, from 1 to 4096. A change builds nothing anew. Defaults to `%d`.",
				model.DefaultBuildMemoryGB), 1, 4096),
		},
	}
}

func buildFilesAttribute() schema.MapNestedAttribute {
	return schema.MapNestedAttribute{
		Optional: true,
		MarkdownDescription: "Files that cloud-init writes before anything is installed and the scripts run, by their absolute paths, " +
			"and that stay in the image. Those of Gantry, kubeadm and kubelet are refused. Defaults to none.",
		Validators: []validator.Map{attribute.NoNulls{}, mapvalidator.KeysAre(filePath{})},
		NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
			"content": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "Content of the file, as text.",
				Validators:          []validator.String{stringvalidator.LengthAtLeast(1), plainText{}},
			},
			"permissions": schema.StringAttribute{
				Optional:            true,
				MarkdownDescription: "Mode of the file in octal digits. Defaults to `0644`.",
				Validators:          []validator.String{octalMode{}},
			},
			"owner": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "User and group of the template that own the file, as `user:group`. Without them there the image is not " +
					"built. Defaults to `root:root`.",
				Validators: []validator.String{fileOwner{}},
			},
		}},
	}
}

// BuildModel is the attribute build of an image, all of which is known.
type BuildModel struct {
	Scripts []string `tfsdk:"scripts"`
	Files   map[string]struct {
		Content     string  `tfsdk:"content"`
		Permissions *string `tfsdk:"permissions"`
		Owner       *string `tfsdk:"owner"`
	} `tfsdk:"files"`
	Install *struct {
		Version    string  `tfsdk:"version"`
		Repository *string `tfsdk:"repository"`
	} `tfsdk:"install_kubernetes"`
	CPU      *int64 `tfsdk:"cpu"`
	MemoryGB *int64 `tfsdk:"memory_gb"`
}

// ToModel returns the image that is built of another one, in a folder.
func (b *BuildModel) ToModel(base model.Image, folder string) model.Image {
	build := model.Build{Base: base, Scripts: b.Scripts, CPU: model.DefaultBuildCPU, MemoryGB: model.DefaultBuildMemoryGB}
	if b.CPU != nil {
		build.CPU = int32(*b.CPU) //nolint:gosec // the schema bounds it
	}
	if b.MemoryGB != nil {
		build.MemoryGB = *b.MemoryGB
	}
	if b.Install != nil {
		build.Packages = &bootstrap.Packages{Version: b.Install.Version, Repository: nodeschema.OrZero(b.Install.Repository)}
	}
	for _, name := range slices.Sorted(maps.Keys(b.Files)) {
		file := b.Files[name]
		build.Files = append(build.Files, bootstrap.File{
			Path:        name,
			Content:     file.Content,
			Permissions: normalMode(cmp.Or(nodeschema.OrZero(file.Permissions), "0644")),
			Owner:       cmp.Or(nodeschema.OrZero(file.Owner), "root:root"),
		})
	}
	return model.Built(build, folder)
}
