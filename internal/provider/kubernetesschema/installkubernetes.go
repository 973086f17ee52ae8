package kubernetesschema

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

const installKubernetes = "install_kubernetes"

func installAttribute() schema.SingleNestedAttribute {
	return schema.SingleNestedAttribute{
		Optional: true,
		MarkdownDescription: "Makes a node image of the image of a plain distribution, before the scripts run: installs containerd, kubeadm, " +
			"kubelet, kubectl, cri-tools and kubernetes-cni by apt, dnf or tdnf, holds those of Kubernetes back from upgrades, and configures " +
			"what nodes need. An image that has another version of Kubernetes already is refused, and of one that has this version " +
			"the packages stay. The guide [Node image](../guides/node-image.md#from-the-image-of-a-distribution) has more. Defaults to none.",
		Attributes: map[string]schema.Attribute{
			"version": schema.StringAttribute{
				Required: true,
				MarkdownDescription: "Version of Kubernetes that is installed, 1.31 or newer, such as `1.37.2`. It is that of the nodes, " +
					"`kubernetes_version`.",
				Validators: []validator.String{installedVersion{}},
			},
			"repository": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "URL of the package repository: of the folder in which `deb` and `rpm` are, by https, such as " +
					"`https://mirror.example.com/kubernetes/v1.37`. The key by which its packages are checked is fetched from there, too: " +
					"`deb/Release.key`, or `rpm/repodata/repomd.xml.key`. A change builds nothing anew. Defaults to the minor version's folder " +
					"of Kubernetes itself, such as `https://pkgs.k8s.io/core:/stable:/v1.37`.",
				Validators: []validator.String{packageRepository{}},
			},
		},
	}
}

// installedVersion validates the version of Kubernetes that is installed.
type installedVersion struct{}

var _ validator.String = installedVersion{}

func (installedVersion) Description(context.Context) string {
	return "must be a supported version of Kubernetes"
}

func (v installedVersion) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (installedVersion) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	check(req, resp, "Invalid Kubernetes version", func(text string) string {
		if err := (bootstrap.Packages{Version: text}).Check(); err != nil {
			return fmt.Sprintf("The value cannot be taken: %v.", err)
		}
		return ""
	})
}

// packageRepository validates the URL of a package repository.
type packageRepository struct{}

var _ validator.String = packageRepository{}

func (packageRepository) Description(context.Context) string {
	return "must be the URL of a package repository"
}

func (v packageRepository) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (packageRepository) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	check(req, resp, "Invalid package repository", func(text string) string {
		if err := bootstrap.CheckPackageRepository(text); err != nil {
			return fmt.Sprintf("The value is %v.", err)
		}
		return ""
	})
}

// CheckInstalled judges what a build installs, as far as it is known: its repository, and whether it
// is the version that nodes of the image are to have; empty: that is not known. Build is the
// attribute, at its path.
func CheckInstalled(build types.Object, at path.Path, wanted string) diag.Diagnostics {
	install, _ := build.Attributes()[installKubernetes].(types.Object)
	version, _ := install.Attributes()["version"].(types.String)
	repository, _ := install.Attributes()["repository"].(types.String)
	at = at.AtName(installKubernetes)
	packages := bootstrap.Packages{Version: version.ValueString(), Repository: repository.ValueString()}
	if (bootstrap.Packages{Version: packages.Version}).Check() != nil {
		return nil // not known, or told already
	}
	if packages.Repository != "" && bootstrap.CheckPackageRepository(packages.Repository) != nil {
		return nil // told already
	}
	var diags diag.Diagnostics
	if wanted != "" && wanted != version.ValueString() {
		diags.Append(diagnostics.AttributeError(at.AtName("version"), "Another version than the nodes'", fmt.Sprintf(
			"Kubernetes %s would be installed into an image for nodes of %s. Set both to the same version: kubernetes_version, and version here.",
			version.ValueString(), wanted)))
	}
	if err := packages.Check(); err != nil {
		diags.Append(diagnostics.AttributeError(at.AtName("repository"), "Package repository of another version",
			fmt.Sprintf("Set the repository of that version: %v.", err)))
	}
	return diags
}
