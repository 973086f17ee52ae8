package provider_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

// look makes the provider log in.
const look = "\ndata \"gantry_datacenters\" \"all\" {}\n"

func TestAccWrongProvider(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	login := fmt.Sprintf("vcenter_server = %q\n username = %q\n password = %q\n", env.Server(), env.Username(), env.Password())
	for name, test := range map[string]struct {
		attributes string
		want       string
	}{
		"no server":        {``, `The attribute vcenter_server is not set, nor is the environment variable VSPHERE_SERVER`},
		"no user":          {`vcenter_server = "vc"`, `The attribute username is not set, nor is the environment variable VSPHERE_USER`},
		"no password":      {`vcenter_server = "vc"`, `The attribute password is not set, nor is the environment variable VSPHERE_PASSWORD`},
		"plain http":       {`vcenter_server = "http://vc"`, `scheme is not https`},
		"a password in it": {`vcenter_server = "https://a:b@vc"`, `it carries a user name or password`},
		"not a CA":         {`ca_certificate = "ca.pem"`, `no certificate in PEM form`},
		"CA and no CA": {
			fmt.Sprintf("ca_certificate = %q\n insecure_skip_verify = true", env.CACertificate()),
			`nothing is verified against ca_certificate`,
		},
		"no proxy":         {`cluster_proxy_url = "proxy:3128"`, `it is not of the form http://host:port`},
		"too much at once": {`max_parallel_operations = 65`, `must be between 1 and 64`},
		"no claims":        {`max_claims = 0`, `must be between 1 and 8000`},
		"no directory":     {login + `event_log = "/nonexistent/events.jsonl"`, `its directory has to exist`},
		"too many claims":  {`max_claims = 8001`, `must be between 1 and 8000`},
		"wrong password": {
			strings.Replace(login, env.Password(), "wrong", 1) + "insecure_skip_verify = true",
			`refuses the user name or the password`,
		},
		"unknown authority": {login, `is not trusted`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resource.Test(t, resource.TestCase{
				ProtoV6ProviderFactories: env.Factories(),
				Steps: []resource.TestStep{{
					Config: "provider \"gantry\" {\n" + test.attributes + "\n}\n" + look, ExpectError: acctest.Words(test.want),
				}},
			})
		})
	}
}

// TestAccProviderFromEnvironment is not parallel: the environment is the process's.
func TestAccProviderFromEnvironment(t *testing.T) {
	env := acctest.New(t)
	file := t.TempDir() + "/ca.pem"
	if err := os.WriteFile(file, []byte(env.CACertificate()), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("VSPHERE_SERVER", env.URL())
	t.Setenv("VSPHERE_USER", env.Username())
	t.Setenv("VSPHERE_PASSWORD", env.Password())
	plan := func(t *testing.T, want string) {
		t.Helper()
		step := resource.TestStep{Config: look}
		if want != "" {
			step.ExpectError = acctest.Words(want)
		}
		resource.Test(t, resource.TestCase{
			ProtoV6ProviderFactories: env.Factories(), CheckDestroy: env.CheckDestroy, Steps: []resource.TestStep{step},
		})
	}
	t.Run("untrusted", func(t *testing.T) { plan(t, `is not trusted`) })
	t.Run("unverified", func(t *testing.T) {
		t.Setenv("VSPHERE_ALLOW_UNVERIFIED_SSL", "true")
		plan(t, "")
	})
	t.Run("not a boolean", func(t *testing.T) {
		t.Setenv("VSPHERE_ALLOW_UNVERIFIED_SSL", "perhaps")
		plan(t, `VSPHERE_ALLOW_UNVERIFIED_SSL is neither true nor`)
	})
	t.Run("authority in a file", func(t *testing.T) {
		t.Setenv("GANTRY_CA_CERTIFICATE", file)
		plan(t, "")
	})
	t.Run("authority as text", func(t *testing.T) {
		t.Setenv("GANTRY_CA_CERTIFICATE", env.CACertificate())
		plan(t, "")
	})
	t.Run("the stricter wins", func(t *testing.T) {
		t.Setenv("VSPHERE_ALLOW_UNVERIFIED_SSL", "true")
		t.Setenv("GANTRY_CA_CERTIFICATE", acctest.New(t).CACertificate())
		plan(t, `is not trusted`)
	})
	t.Run("no file", func(t *testing.T) {
		t.Setenv("GANTRY_CA_CERTIFICATE", file+".gone")
		plan(t, `GANTRY_CA_CERTIFICATE is invalid`)
	})
	t.Run("no event log", func(t *testing.T) {
		t.Setenv("GANTRY_CA_CERTIFICATE", file)
		t.Setenv("GANTRY_EVENT_LOG", t.TempDir())
		plan(t, `the environment variable GANTRY_EVENT_LOG names`)
	})
	t.Run("wrong proxy", func(t *testing.T) {
		t.Setenv("VSPHERE_ALLOW_UNVERIFIED_SSL", "true")
		t.Setenv("GANTRY_CLUSTER_PROXY_URL", "socks5://proxy")
		plan(t, `GANTRY_CLUSTER_PROXY_URL is invalid`)
	})
}

// TestAccProviderOfUnknownServer shows that a plan in which vCenter's address is
// not known yet goes through, and leaves open what it would need vCenter for.
func TestAccProviderOfUnknownServer(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	config := fmt.Sprintf(`
resource "terraform_data" "server" {
  input = %q
}

provider "gantry" {
  vcenter_server = terraform_data.server.output
  username       = %q
  password       = %q
  ca_certificate = %q
}

resource "gantry_ip_pool" "nodes" {
  name            = "prod-nodes"
  range           = { start = "10.10.183.1", end = "10.10.183.10" }
  prefix_length   = 18
  default_gateway = "10.10.128.1"
}

resource "gantry_cloud_account" "team_a" {
  name           = "team-a"
  vcenter_server = terraform_data.server.output
  username       = %q
  password       = %q
  ca_certificate = %q
}
`, env.Server(), env.Username(), env.Password(), env.CACertificate(), env.Username(), env.Password(), env.CACertificate())
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps:                    []resource.TestStep{{Config: config}},
	})
}
