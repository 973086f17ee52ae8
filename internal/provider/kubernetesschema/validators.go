package kubernetesschema

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// The validators here never quote a value: it may be a secret that stands in the wrong
// place.

// check is a validator of texts: why says what is wrong with one.
func check(req validator.StringRequest, resp *validator.StringResponse, summary string, why func(text string) string) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if fault := why(req.ConfigValue.ValueString()); fault != "" {
		resp.Diagnostics.Append(diagnostics.AttributeError(req.Path, summary, fault))
	}
}

// oneLine validates a text that is one line of printable characters.
type oneLine struct{}

var _ validator.String = oneLine{}

func (oneLine) Description(context.Context) string {
	return "must be one line of printable characters"
}

func (v oneLine) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (v oneLine) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	check(req, resp, "Invalid value", func(text string) string {
		if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
			return "The value " + v.Description(ctx) + "."
		}
		return ""
	})
}

// plainText validates a text that a file of a node can hold.
type plainText struct{}

var _ validator.String = plainText{}

func (plainText) Description(context.Context) string {
	return "must be text without control characters other than line ends and tabs"
}

func (v plainText) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (v plainText) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	check(req, resp, "Invalid text", func(text string) string {
		if !bootstrap.IsText(text) || strings.TrimSpace(text) == "" {
			return "The value " + v.Description(ctx) + ", and not blank."
		}
		return ""
	})
}

// filePath validates where a file may be written.
type filePath struct{}

var _ validator.String = filePath{}

func (filePath) Description(context.Context) string {
	return "must be the absolute path of a file that does not belong to Gantry, kubeadm or kubelet"
}

func (v filePath) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (filePath) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	check(req, resp, "Invalid path of a file", func(text string) string {
		if err := bootstrap.CheckFilePath(text); err != nil {
			return fmt.Sprintf("No file can be written there: %v.", err)
		}
		return ""
	})
}

var (
	modeForm  = regexp.MustCompile(`^0?[0-7]{3}$`)
	ownerForm = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}:[a-z_][a-z0-9_-]{0,31}$`)
)

type octalMode struct{}

var _ validator.String = octalMode{}

func (octalMode) Description(context.Context) string {
	return "must be three octal digits, such as 0644"
}

func (v octalMode) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (v octalMode) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	check(req, resp, "Invalid permissions", func(text string) string {
		if !modeForm.MatchString(text) {
			return "The value " + v.Description(ctx) + "."
		}
		return ""
	})
}

type fileOwner struct{}

var _ validator.String = fileOwner{}

func (fileOwner) Description(context.Context) string {
	return "must be a user and a group, such as root:root"
}

func (v fileOwner) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (v fileOwner) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	check(req, resp, "Invalid owner", func(text string) string {
		if !ownerForm.MatchString(text) {
			return "The value " + v.Description(ctx) + ", by their names."
		}
		return ""
	})
}

// clusterIssuer is the issuer of the tokens of service accounts, which the API server
// accepts anyway, and no second time.
const clusterIssuer = "https://kubernetes.default.svc.cluster.local"

type issuerURL struct{}

var _ validator.String = issuerURL{}

func (issuerURL) Description(context.Context) string {
	return "must be a URL of the scheme https, without user, query and fragment"
}

func (v issuerURL) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (v issuerURL) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	check(req, resp, "Invalid issuer URL", func(text string) string {
		u, err := url.Parse(text)
		switch {
		case err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
			return "The value " + v.Description(ctx) + "."
		case text == clusterIssuer:
			return "This is the issuer of the cluster's own service accounts, whose tokens the API server accepts already."
		}
		return ""
	})
}
