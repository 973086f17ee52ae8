package nodeschema

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// Image is the template that nodes are cloned from, or the OVA or the item of a content
// library that it is made of.
func Image(doc string) schema.SingleNestedAttribute {
	return schema.SingleNestedAttribute{
		Required: true,
		MarkdownDescription: doc + " Either a template that is there, by `template`, or an OVA that Gantry imports, by `ova_url` and `sha256`, " +
			"or an item of a content library that it has vCenter deploy, by `content_library`: " +
			"the guide [Node image](../guides/node-image.md) has more.",
		Validators: []validator.Object{imageSource{}},
		Attributes: map[string]schema.Attribute{
			"template": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Name or inventory path of a VM template, or a powered-off VM, with one disk and Linux with cloud-init, " +
					"open-vm-tools, containerd, kubeadm and kubelet. Defaults to none: then `ova_url` or `content_library` is set.",
				Validators: []validator.String{stringvalidator.LengthAtLeast(1)},
			},
			"ova_url": schema.StringAttribute{
				Optional:  true,
				Sensitive: true, // it may be presigned
				MarkdownDescription: "URL of an OVA of such a VM, of the scheme `https` or `http`, without a user and a password; it may be " +
					"presigned. " +
					"Or its path on the machine that runs Terraform. It is imported once in each datacenter, on the datastore of the control plane, " +
					"into `image_folder`, as a template that is named like the file, with the beginning of its digest, and that stays for " +
					"later clusters. From another place the same OVA is the same image. Defaults to none: then `template` or `content_library` is set.",
				Validators: []validator.String{ovaLocation{}},
			},
			"sha256": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "SHA-256 of the OVA, 64 hex digits as `sha256sum` prints them; of a local file, `filesha256()` has it. " +
					"Another OVA is not imported. Required with `ova_url`.",
				Validators: []validator.String{snapshotSHA256{}},
			},
			"ca_certificate": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Certificate authorities, as PEM text, that are trusted for `ova_url` beside those of the machine that runs " +
					"Terraform. Defaults to none.",
				Validators: []validator.String{attribute.CABundle{}},
			},
			"content_library": contentLibrary(),
		},
	}
}

// ImageModel is the attribute image, all of which is known.
type ImageModel struct {
	Template      *string `tfsdk:"template"`
	OVAURL        *string `tfsdk:"ova_url"`
	SHA256        *string `tfsdk:"sha256"`
	CACertificate *string `tfsdk:"ca_certificate"`

	ContentLibrary *contentLibraryModel `tfsdk:"content_library"`
}

// ToModel returns the image as a part of a spec; folder is where a template is looked up, or
// an OVA is imported into.
func (i ImageModel) ToModel(folder string) model.Image {
	if i.ContentLibrary != nil {
		return model.FromLibrary(i.ContentLibrary.toModel(), folder)
	}
	if digest := OrZero(i.SHA256); i.Template == nil && digest != "" { // an imported state has no URL
		return model.Imported(model.OVA{
			URL:           OrZero(i.OVAURL),
			SHA256:        strings.ToLower(digest),
			CACertificate: certificatesAlone(OrZero(i.CACertificate)),
		}, folder)
	}
	return model.Image{Template: OrZero(i.Template), Folder: folder}
}

// ImagePath is the attribute of an image that says what it is, given that of its template
// and the object that has it.
func ImagePath(template path.Path, parent types.Object, name string) path.Path {
	image, ok := parent.Attributes()[name].(types.Object)
	if !ok {
		return template
	}
	return SourcePath(template, image)
}

// SourcePath is ImagePath for the image itself.
func SourcePath(template path.Path, image types.Object) path.Path {
	for _, source := range []string{"content_library", "ova_url"} {
		if from, ok := image.Attributes()[source]; ok && !from.IsNull() {
			return template.ParentPath().AtName(source)
		}
	}
	return template
}

// imageSource validates that an image is one of a template, an OVA and an item of a library, whole.
type imageSource struct{}

var _ validator.Object = imageSource{}

// Description implements validator.Describer.
func (imageSource) Description(context.Context) string {
	return "must have one of template, ova_url with sha256, and content_library"
}

// MarkdownDescription implements validator.Describer.
func (v imageSource) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateObject implements validator.Object.
func (imageSource) ValidateObject(_ context.Context, req validator.ObjectRequest, resp *validator.ObjectResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	// What is unknown is neither: a variable may turn out to be null.
	set := func(name string) bool {
		v, ok := req.ConfigValue.Attributes()[name]
		return ok && !v.IsNull() && !v.IsUnknown()
	}
	absent := func(name string) bool {
		v, ok := req.ConfigValue.Attributes()[name]
		return !ok || v.IsNull()
	}
	refuse := func(name, summary, detail string) {
		resp.Diagnostics.Append(diagnostics.AttributeError(req.Path.AtName(name), summary, detail))
	}
	switch {
	case absent("template") && absent("ova_url") && absent("content_library"):
		libraries := ""
		if _, ok := req.ConfigValue.Attributes()["content_library"]; ok {
			libraries = ", or content_library"
		}
		resp.Diagnostics.Append(diagnostics.AttributeError(req.Path, "Image missing",
			"Set template, the name of a VM template, or ova_url and sha256 of an OVA that is imported as one"+libraries+"."))
	case set("content_library") && (set("template") || set("ova_url")):
		refuse("content_library", "Two images", "The image is either a template that is there, or made of an OVA or of an item of a content "+
			"library. Remove content_library, or template, ova_url and sha256.")
	case set("content_library") && set("build"):
		refuse("build", "Build of an item of a content library", "An image is built of a template or of an OVA. Set template or ova_url in "+
			"the place of content_library; of what is in a library, that may be a template that was deployed of it. Or remove build.")
	case set("template") && set("ova_url"):
		refuse("ova_url", "Two images", "The image is either a template that is there or made of an OVA. Remove template, or ova_url and sha256.")
	case set("ova_url") && absent("sha256"):
		refuse("ova_url", "Digest missing", "An OVA is imported where its digest is right. Set sha256, as sha256sum prints it; of a local "+
			"file filesha256() has it.")
	case absent("ova_url") && set("sha256"):
		refuse("sha256", "Digest without an OVA",
			"What is there, and what is in a content library, has no digest. Remove sha256, or set ova_url alone.")
	case absent("ova_url") && set("ca_certificate"):
		refuse("ca_certificate", "Certificate without an OVA",
			"What is there, and what is in a content library, is not fetched. Remove ca_certificate, or set ova_url alone.")
	}
}

// ovaLocation validates where an OVA is.
type ovaLocation struct{}

var _ validator.String = ovaLocation{}

// Description implements validator.Describer.
func (ovaLocation) Description(context.Context) string {
	return "must be a URL such as https://files.example.com/node.ova, or the path of a file"
}

// MarkdownDescription implements validator.Describer.
func (v ovaLocation) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateString implements validator.String.
func (ovaLocation) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	refuse(req, resp, "Invalid location of an OVA", checkOVALocation)
}

// checkOVALocation never repeats a URL, which may hold a password.
func checkOVALocation(location string) error {
	if strings.TrimSpace(location) == "" {
		return errors.New("it is empty")
	}
	scheme, _, isURL := strings.Cut(location, "://")
	if !isURL {
		return nil
	}
	u, err := url.Parse(location)
	switch {
	case scheme != "https" && scheme != "http" && scheme != "file":
		return errors.New("its scheme is neither https nor http")
	case err != nil:
		return errors.New("it is no URL")
	case scheme == "file" && u.Host != "":
		return errors.New("a file has no host: write file:///path, or the path alone")
	case scheme != "file" && u.Hostname() == "":
		return errors.New("it has no host")
	case u.User != nil:
		return errors.New("it has a user: a password in it would be shown; use a presigned URL")
	}
	return nil
}
