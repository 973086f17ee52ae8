package attribute_test

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/pki"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
)

func TestCABundle(t *testing.T) {
	t.Parallel()
	certificates := func(at time.Time) string {
		authorities, err := pki.NewAuthorities(rand.Reader, at)
		if err != nil {
			t.Fatal(err)
		}
		return string(authorities.CA.Cert) + "\n# another one\n" + string(authorities.Etcd.Cert)
	}
	for name, test := range map[string]struct {
		value    types.String
		severity diag.Severity
		want     string
	}{
		"null":    {types.StringNull(), diag.SeverityInvalid, ""},
		"unknown": {types.StringUnknown(), diag.SeverityInvalid, ""},
		"valid":   {types.StringValue(certificates(time.Now())), diag.SeverityInvalid, ""},
		"expired": {types.StringValue(certificates(time.Now().AddDate(-11, 0, 0))), diag.SeverityWarning, "certificate 1 (CN=kubernetes)"},
		"a path":  {types.StringValue("/etc/ca.pem"), diag.SeverityError, `proxy.ca_certificate: The value is invalid: no certificate`},
		"empty":   {types.StringValue(""), diag.SeverityError, "no certificate"},
	} {
		var resp validator.StringResponse
		at := path.Root("proxy").AtName("ca_certificate")
		attribute.CABundle{}.ValidateString(t.Context(), validator.StringRequest{Path: at, ConfigValue: test.value}, &resp)
		switch {
		case test.severity == diag.SeverityInvalid:
			if len(resp.Diagnostics) > 0 {
				t.Errorf("%s: %v", name, resp.Diagnostics)
			}
		case len(resp.Diagnostics) != 1 || resp.Diagnostics[0].Severity() != test.severity:
			t.Errorf("%s: %v", name, resp.Diagnostics)
		case !strings.Contains(resp.Diagnostics[0].Detail(), test.want):
			t.Errorf("%s: %q does not say %q", name, resp.Diagnostics[0].Detail(), test.want)
		}
	}
}
