package nodeschema_test

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/pki"
	"github.com/gantry/terraform-provider-gantry/internal/provider/nodeschema"
)

// TestProxyHandsOverCertificatesAlone has comments between the certificates of the
// bundle, and a password that no print of it shows.
func TestProxyHandsOverCertificatesAlone(t *testing.T) {
	t.Parallel()
	authorities, err := pki.NewAuthorities(rand.Reader, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	ca, etcd := string(authorities.CA.Cert), string(authorities.Etcd.Cert)
	text := types.StringType
	value := types.ObjectValueMust(
		map[string]attr.Type{"http": text, "https": text, "no_proxy": text, "ca_certificate": text},
		map[string]attr.Value{
			"http": types.StringValue("http://u:hunter2@p"), "https": types.StringValue("http://u:hunter2@p"),
			"no_proxy": types.StringValue("local"), "ca_certificate": types.StringValue("# root\n" + ca + "# etcd\n" + etcd),
		})
	proxy, diags := nodeschema.DecodeProxy(t.Context(), value)
	if diags.HasError() || proxy.CACertificate != ca+etcd {
		t.Fatalf("got %v, %v", proxy, diags)
	}
	for _, verb := range []string{"%v", "%+v", "%#v"} {
		if shown := fmt.Sprintf(verb, *proxy) + fmt.Sprintf(verb, proxy); strings.Contains(shown, "hunter2") {
			t.Errorf("%s: %s", verb, shown)
		}
	}
}

// TestProxyURLKeepsThePassword refuses a URL without repeating it.
func TestProxyURLKeepsThePassword(t *testing.T) {
	t.Parallel()
	var resp validator.StringResponse
	request := validator.StringRequest{Path: path.Root("proxy").AtName("http"), ConfigValue: types.StringValue("socks5://u:hunter2@p:1080")}
	nodeschema.ProxyURL{}.ValidateString(t.Context(), request, &resp)
	if !resp.Diagnostics.HasError() || strings.Contains(fmt.Sprint(resp.Diagnostics), "hunter2") {
		t.Errorf("got %v", resp.Diagnostics)
	}
}
