package provider_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/gantry/terraform-provider-gantry/internal/provider"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
)

// marker is what no error may repeat, in lower case without a space, so that it comes
// through any check of form.
const marker = "hunter2hunter2"

// secretShapes are what is pasted into an attribute by mistake, or given where it may
// be; moreShapes are tried with ALL=1.
var (
	secretShapes = []string{
		" " + marker + "\n",
		strings.Repeat(marker, 100),
		"https://proxy.example.com/" + marker,
		"http://user:" + marker + "@proxy.example.com:99999999",
		"-----BEGIN OPENSSH PRIVATE KEY-----\n" + marker + "\n-----END OPENSSH PRIVATE KEY-----\n",
	}
	moreShapes = []string{
		marker,
		"-" + marker + "-",
		"/" + marker,
		marker + "/24",
		marker + "/",
		"10.0.0.1:" + marker,
		"user:" + marker + "@proxy.example.com:3128",
		"https://user:" + marker + "@proxy.example.com/",
		"https://proxy.example.com?token=" + marker + "%zz",
		"socks5://user:" + marker + "@proxy.example.com",
		"-----BEGIN CERTIFICATE-----\n" + marker + "AA\n-----END CERTIFICATE-----\n",
		"ssh-ed25519 " + marker + "!",
		"password: [" + marker,
		"apiVersion: v1\nkind: Secret\nstringData: {a: " + marker + "}",
		"\x00" + marker,
	}
)

// public are the attributes of which errors may repeat the value, by the reason why it
// is no secret. Of everything else, and of what is added, they may not.
var public = map[string][]string{
	"a name that vCenter, Kubernetes or the state shows": {
		"name", "ip_pool.name", "folder", "etcd_snapshot.directory", "image_folder", "description", "name_template",
		"placement.*", "load_balancer.image.template", "base.template",
		"image.content_library.*", "profile.image.content_library.*", "load_balancer.image.content_library.*",
		"worker_pools.*.image.content_library.*",
		"profile.packs.*.depends_on", "profile.packs.*.namespace", "profile.packs.*.chart.path", "profile.packs.*.vsphere_credentials.namespace",
		"control_plane.placements.*.*", "worker_pools.*.placements.*.*",
		"control_plane.taints.*.*",
		"worker_pools.*.taints.*.*",
		"tags", "vm_tags", "control_plane.labels", "control_plane.annotations", "worker_pools.*.labels", "worker_pools.*.annotations",
	},
	"the name of a flag or claim, which its error is about": {
		"profile.kubernetes.api_server.oidc.required_claims",
		"profile.kubernetes.api_server.extra_args", "profile.kubernetes.controller_manager.extra_args",
		"profile.kubernetes.scheduler.extra_args", "profile.kubernetes.kubelet.extra_args",
	},
	"an id": {
		"gateway_id", "ip_pool_id", "cloud_account.id", "cloud_account.gateway_id", "control_plane.placements.*.ip_pool_id",
		"worker_pools.*.placements.*.ip_pool_id", "load_balancer_pools.*.ip_pool_id",
	},
	"an address or a network": {
		"range.*", "load_balancer_pools.*.range.*", "subnet", "default_gateway", "nameservers", "search_domains", "excluded_addresses",
		"ip_pool.range.*", "ip_pool.default_gateway", "ip_pool.nameservers", "ip_pool.search_domains",
		"ip_pool.excluded_addresses", "network.pod_cidr", "network.service_cidr",
	},
	"one of a few words, a version or a time": {
		"clone_mode", "incomplete_create", "override_conflicts", "network.ip_allocation", "profile.kubernetes_version", "kubernetes_version",
		"worker_pools.*.kubernetes_version", "worker_pools.*.spread", "reuse_delay", "version",
		"control_plane.placement_policy", "worker_pools.*.placement_policy",
		"ip_pool.reuse_delay", "registration_timeout", "timeouts.*", "worker_pools.*.rolling_update.*", "repair.*",
		"control_plane.rolling_update.*",
		"profile.packs.*.layer", "profile.packs.*.wait_timeout", "profile.packs.*.vsphere_credentials.format",
	},
}

// publicKeys are the maps of which errors may repeat a key, the name of a pack, and no value.
var publicKeys = []string{"pack_overrides"}

// TestErrorsDoNotRepeatSecrets gives every attribute a secret in many shapes.
func TestErrorsDoNotRepeatSecrets(t *testing.T) {
	t.Parallel()
	s := newServer(t, provider.NewIn(&connection.Process{}, "test"), strings.NewReplacer(
		"@GATEWAY@", otherID,
		"@SERVER@", "vc.example.com", "@USER@", "user", "@PASSWORD@", "secret", "@POOL@", otherID, "@PLACEMENT@", placement(otherID)))
	schemas := map[string]*tfprotov6.Schema{"gantry": s.schemas.Provider}
	for name, schema := range s.schemas.ResourceSchemas {
		schemas["resource "+name] = schema
	}
	for name, schema := range s.schemas.DataSourceSchemas {
		schemas["data "+name] = schema
	}
	shapes := secretShapes
	if os.Getenv("ALL") != "" {
		shapes = slices.Concat(secretShapes, moreShapes)
	}
	for _, name := range slices.Sorted(maps.Keys(schemas)) {
		done := map[string]bool{}
		for _, config := range configurations[name] {
			base := s.value(name, schemas[name], config)
			visit(schemas[name].Block.Attributes, base, tftypes.NewAttributePath(), "", func(a place) {
				if done[a.pattern] || excepted(a.pattern) {
					return
				}
				done[a.pattern] = true
				for _, mutated := range withSecret(a, shapes) {
					s.mustNotRepeat(name, a.pattern, set(base, a.at, mutated))
				}
			})
		}
	}
}

// withSecret are the values of an attribute with a secret in it.
func withSecret(a place, shapes []string) []tftypes.Value {
	typ := a.value.Type()
	var out []tftypes.Value
	for _, shape := range shapes {
		text := tftypes.NewValue(tftypes.String, shape)
		switch t := typ.(type) {
		case tftypes.List:
			if t.ElementType.Is(tftypes.String) {
				out = append(out, tftypes.NewValue(typ, []tftypes.Value{text}))
			}
		case tftypes.Set:
			if t.ElementType.Is(tftypes.String) {
				out = append(out, tftypes.NewValue(typ, []tftypes.Value{text}))
			}
		case tftypes.Map:
			if t.ElementType.Is(tftypes.String) {
				out = append(out, tftypes.NewValue(typ, map[string]tftypes.Value{"key": text}))
				if !slices.Contains(publicKeys, a.pattern) {
					out = append(out, tftypes.NewValue(typ, map[string]tftypes.Value{shape: tftypes.NewValue(tftypes.String, "value")}))
				}
			}
		default:
			if typ.Is(tftypes.String) {
				out = append(out, text)
			}
		}
	}
	return out
}

// mustNotRepeat validates a configuration.
func (s *server) mustNotRepeat(name, pattern string, config tftypes.Value) {
	s.t.Helper()
	kind, typeName, _ := strings.Cut(name, " ")
	diags := s.validate(kind, typeName, config)
	if kind == "gantry" {
		diags = append(diags, s.configure(s.new(), config)...)
	}
	for _, d := range diags {
		if strings.Contains(d.Summary+d.Detail+fmt.Sprint(d.Attribute), marker) {
			s.t.Errorf("%s: %s: the error repeats it: %s", name, pattern, d.Detail)
			return
		}
	}
}

// excepted reports whether errors may repeat the value of an attribute.
func excepted(pattern string) bool {
	parts := strings.Split(pattern, ".")
	for _, patterns := range public {
		for _, exception := range patterns {
			if words := strings.Split(exception, "."); len(words) == len(parts) && matches(words, parts) {
				return true
			}
		}
	}
	return false
}

func matches(words, parts []string) bool {
	for i, word := range words {
		if word != "*" && word != parts[i] {
			return false
		}
	}
	return true
}

// TestWhatMayCarryAPasswordIsSensitive has the attributes that a plan must not print.
func TestWhatMayCarryAPasswordIsSensitive(t *testing.T) {
	t.Parallel()
	s := newServer(t, provider.NewIn(&connection.Process{}, "test"), strings.NewReplacer())
	sensitive := func(schema *tfprotov6.Schema, names ...string) bool {
		attributes := schema.Block.Attributes
		for i, name := range names {
			at := slices.IndexFunc(attributes, func(a *tfprotov6.SchemaAttribute) bool { return a.Name == name })
			switch {
			case at < 0:
				return false
			case i == len(names)-1:
				return attributes[at].Sensitive
			}
			attributes = attributes[at].NestedType.Attributes
		}
		return false
	}
	if !sensitive(s.schemas.Provider, "cluster_proxy_url") {
		t.Error("the provider's cluster_proxy_url is printed")
	}
	for _, name := range []string{"gantry_gateway", "gantry_vmware_cluster"} {
		if !sensitive(s.schemas.ResourceSchemas[name], "registry", "password_wo") {
			t.Errorf("registry.password_wo of %s is printed", name)
		}
		for _, scheme := range []string{"http", "https"} {
			if !sensitive(s.schemas.ResourceSchemas[name], "proxy", scheme) {
				t.Errorf("proxy.%s of %s is printed", scheme, name)
			}
		}
	}
	if !sensitive(s.schemas.ResourceSchemas["gantry_vmware_cluster"], "restore_from_snapshot", "url") {
		t.Error("the URL of a snapshot, which may be presigned, is printed")
	}
}
