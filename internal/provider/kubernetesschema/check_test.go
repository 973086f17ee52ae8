package kubernetesschema_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/provider/kubernetesschema"
)

var at = path.Root("profile").AtName("kubernetes")

// object is a value with attributes, as the attribute's decoded value has them.
func object(attributes map[string]attr.Value) types.Object {
	kinds := map[string]attr.Type{}
	for name, value := range attributes {
		kinds[name] = value.Type(context.Background())
	}
	return types.ObjectValueMust(kinds, attributes)
}

func flag(component, name string, value attr.Value) types.Object {
	return object(map[string]attr.Value{
		component: object(map[string]attr.Value{"extra_args": types.MapValueMust(types.StringType, map[string]attr.Value{name: value})}),
	})
}

func wants(t *testing.T, diags diag.Diagnostics, severity diag.Severity, words ...string) {
	t.Helper()
	if len(words) == 0 {
		if len(diags) > 0 {
			t.Errorf("diagnostics %v", diags)
		}
		return
	}
	if len(diags) != 1 || diags[0].Severity() != severity {
		t.Fatalf("diagnostics %v", diags)
	}
	for _, word := range words {
		if !strings.Contains(diags[0].Summary()+"\n"+diags[0].Detail(), word) {
			t.Errorf("%q is not in %v", word, diags[0])
		}
	}
}

func TestFlags(t *testing.T) {
	t.Parallel()
	text := types.StringValue
	for name, c := range map[string]struct {
		component, flag string
		value           attr.Value
		severity        diag.Severity
		words           []string // none: nothing is said
	}{
		"good":          {"api_server", "max-requests-inflight", text("800"), 0, nil},
		"not known yet": {"api_server", "max-requests-inflight", types.StringUnknown(), 0, nil},
		"misspelled": {
			"api_server", "max-request-inflight", text("800"),
			diag.SeverityError, []string{`extra_args["max-request-inflight"]`, `"max-requests-inflight"`},
		},
		"wrong value":            {"scheduler", "v", text("x"), 0, nil}, // of a kind that is not known
		"not a number":           {"controller_manager", "concurrent-gc-syncs", text("x"), diag.SeverityError, []string{"a whole number"}},
		"deprecated":             {"kubelet", "max-pods", text("60"), diag.SeverityWarning, []string{"deprecated"}},
		"reserved":               {"api_server", "etcd-servers", text("x"), diag.SeverityError, []string{"kubeadm runs etcd"}},
		"reserved and not known": {"api_server", "etcd-servers", types.StringUnknown(), diag.SeverityError, []string{"kubeadm runs etcd"}},
		"oidc":                   {"api_server", "oidc-issuer-url", text("x"), diag.SeverityError, []string{"api_server.oidc"}},
		"policy":                 {"api_server", "audit-policy-file", text("x"), diag.SeverityError, []string{"api_server.audit_policy"}},
		"keys":                   {"api_server", "encryption-provider-config", text("x"), diag.SeverityError, []string{"encryption_at_rest"}},
		"pod network":            {"controller_manager", "cluster-cidr", text("x"), diag.SeverityError, []string{"network.pod_cidr"}},
		"node labels":            {"kubelet", "node-labels", text("x"), diag.SeverityError, []string{"labels of the node pool"}},
		"modes":                  {"api_server", "authorization-mode", text("Node,RBAC,Webhook"), 0, nil},
		"no RBAC":                {"api_server", "authorization-mode", text("Node,Webhook"), diag.SeverityError, []string{"RBAC"}},
		"no authorization": {
			"api_server", "authorization-mode", text("Node,RBAC,AlwaysAllow"),
			diag.SeverityError, []string{"AlwaysAllow"},
		},
		"plug-ins": {"api_server", "enable-admission-plugins", text("NodeRestriction,AlwaysPullImages"), 0, nil},
		"plug-ins without one": {
			"api_server", "enable-admission-plugins", text("AlwaysPullImages"),
			diag.SeverityError, []string{"NodeRestriction"},
		},
		"plug-in off":             {"api_server", "disable-admission-plugins", text("NodeRestriction"), diag.SeverityError, []string{"stay on"}},
		"controllers":             {"controller_manager", "controllers", text("*,bootstrapsigner,tokencleaner,-ttl-after-finished"), 0, nil},
		"controllers without one": {"controller_manager", "controllers", text("*"), diag.SeverityError, []string{"bootstrapsigner"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			diags := kubernetesschema.Check(flag(c.component, c.flag, c.value), at, "1.37.2", []string{"1.37.2", ""})
			wants(t, diags, c.severity, c.words...)
			for _, d := range diags {
				if where, ok := d.(diag.DiagnosticWithPath); !ok || where.Path().String() != "profile" {
					t.Errorf("it stands on %v", d)
				}
			}
		})
	}
}

// What kubelet is told holds for all nodes, and some are of an older version.
func TestKubeletIsJudgedByTheVersionsOfAllNodes(t *testing.T) {
	t.Parallel()
	config := object(map[string]attr.Value{
		"kubelet": object(map[string]attr.Value{"config": types.StringValue("tlsCurvePreferences: [X25519]")}),
	})
	wants(t, kubernetesschema.Check(config, at, "1.37.2", []string{"1.37.2", "1.36.3"}), 0)
	older := []string{"1.37.2", "1.34.2"}
	wants(t, kubernetesschema.Check(config, at, "1.37.2", older), diag.SeverityError, "Kubernetes 1.34", "kubelet.config")
	wants(t, kubernetesschema.Check(config, at, "1.38.0", []string{"1.38.0"}), 0)
	wants(t, kubernetesschema.Check(config, at, "", []string{""}), 0)
	wants(t, kubernetesschema.Check(types.ObjectNull(nil), at, "1.37.2", []string{"1.37.2"}), 0)
}

// validate runs the validators of a text.
func validate(t *testing.T, validators []validator.String, text string) diag.Diagnostics {
	t.Helper()
	var diags diag.Diagnostics
	for _, v := range validators {
		resp := validator.StringResponse{}
		v.ValidateString(t.Context(), validator.StringRequest{Path: at, ConfigValue: types.StringValue(text)}, &resp)
		diags.Append(resp.Diagnostics...)
	}
	return diags
}

func TestAuditPolicies(t *testing.T) {
	t.Parallel()
	const head = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"
	for text, want := range map[string]string{
		head + "rules: [{level: Metadata}]":                                                 "",
		head + "omitStages: [RequestReceived]\nrules: [{level: None, users: [a]}]":          "",
		`{"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "None"}]}`: "",
		"rules: [": "not YAML",
		"hunter2":  "not an object",
		head:       "no rules",
		"apiVersion: audit.k8s.io/v1beta1\nkind: Policy\nrules: [{level: None}]":                            "audit.k8s.io/v1",
		head + "rules: [{level: metadata}]":                                                                 "rule 1: its level",
		head + "rules: [{level: None}, {level: None, user: [a]}]":                                           `no field "user"`,
		head + "rules: [{level: None, users: hunter2}]":                                                     "not of its type: rules.users",
		head + "rules: [{level: None, nonResourceURLs: [/a*b]}]":                                            "asterisk",
		head + "rules: [{level: None, nonResourceURLs: [/a], namespaces: [b]}]":                             "beside",
		head + "rules: [{level: None, resources: [{group: apps/v1}]}]":                                      "version",
		head + "rules: [{level: None, resources: [{group: apps, resourceNames: [a]}]}]":                     "without resources",
		head + "rules: [{level: None, omitStages: [Begun]}]":                                                "stage",
		head + "rules: [{level: None}]\nrules: [{level: None}]":                                             "not YAML",
		head + "omitStages: [Begun]\nrules: [{level: None}]":                                                "omitStages",
		head + "rules: [{level: Metadata, resources: [{group: \"\", resources: [secrets]}], verbs: [get]}]": "",
	} {
		diags := validate(t, kubernetesschema.AuditPolicyValidators(), text)
		if want == "" {
			wants(t, diags, 0)
			continue
		}
		wants(t, diags, diag.SeverityError, want)
		if strings.Contains(diags[0].Detail(), "hunter2") {
			t.Errorf("it quotes the text: %v", diags[0])
		}
	}
}

// What Gantry has by default is no exception.
func TestTheDefaultAuditPolicyIsOne(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../bootstrap/audit-policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	wants(t, validate(t, kubernetesschema.AuditPolicyValidators(), string(raw)), 0)
}

func TestKubeletConfigurations(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"maxPods: 60": "",
		"apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nmaxPods: 60": "",
		`{"maxPods": 60}`:                 "",
		"clusterDNS: [169.254.20.10]":     "",
		"kind: Policy":                    "its kind",
		"hunter2":                         "not an object",
		"cgroupDriver: cgroupfs":          "containerd",
		"registerWithTaints: []":          "taints of the node pool",
		"authentication: {anonymous: {}}": "kubeadm sets it",
	} {
		diags := validate(t, kubernetesschema.KubeletConfigValidators(), text)
		if want == "" {
			wants(t, diags, 0)
			continue
		}
		wants(t, diags, diag.SeverityError, want)
	}
}

func TestOtherTexts(t *testing.T) {
	t.Parallel()
	all := kubernetesschema.OtherValidators()
	for _, c := range []struct {
		validators, text, want string
	}{
		{"issuer", "https://login.example.com/realms/a", ""},
		{"issuer", "http://login.example.com", "scheme https"},
		{"issuer", "https://login.example.com?a=b", "without user, query"},
		{"issuer", "https://kubernetes.default.svc.cluster.local", "own service accounts"},
		{"mode", "0644", ""},
		{"mode", "600", ""},
		{"mode", "rw-", "octal"},
		{"mode", "4755", "octal"},
		{"owner", "root:adm", ""},
		{"owner", "root", "a user and a group"},
		{"owner", "0:0", "a user and a group"},
		{"path", "/etc/example", ""},
		{"path", "/etc/kubernetes/pki/ca.key", "belongs to kubeadm"},
		{"path", "etc", "absolute path"},
	} {
		diags := validate(t, all[c.validators], c.text)
		if c.want == "" {
			wants(t, diags, 0)
			continue
		}
		wants(t, diags, diag.SeverityError, c.want)
	}
}

func TestWhatIsInstalledIsJudgedByTheVersionOfNodes(t *testing.T) {
	t.Parallel()
	fields := map[string]attr.Type{"version": types.StringType, "repository": types.StringType}
	at := path.Root("build")
	for _, c := range []struct {
		version, repository types.String
		wanted, says        string
		at                  string
	}{
		{types.StringValue("1.37.2"), types.StringNull(), "1.37.2", "", ""},
		{types.StringValue("1.37.2"), types.StringNull(), "", "", ""}, // not known yet
		{types.StringUnknown(), types.StringUnknown(), "1.37.2", "", ""},
		{types.StringValue("1.37.1"), types.StringUnknown(), "1.37.2", "into an image for nodes of 1.37.2", "version"},
		{types.StringValue("1.37.2"), types.StringValue("https://m.example.com/v1.36"), "1.37.2", "that of Kubernetes 1.36", "repository"},
		{types.StringValue("1.37.2"), types.StringValue("http://m.example.com"), "1.37.2", "", ""}, // the validator says so
	} {
		install := types.ObjectValueMust(fields, map[string]attr.Value{"version": c.version, "repository": c.repository})
		build := types.ObjectValueMust(map[string]attr.Type{"install_kubernetes": types.ObjectType{AttrTypes: fields}},
			map[string]attr.Value{"install_kubernetes": install})
		diags := kubernetesschema.CheckInstalled(build, at, c.wanted)
		if c.says == "" && len(diags) > 0 || c.says != "" && (len(diags) != 1 || !strings.Contains(diags[0].Detail(), c.says)) {
			t.Errorf("%s from %s: %v", c.version, c.repository, diags)
			continue
		}
		if c.at != "" && !strings.Contains(fmt.Sprint(diags), "build.install_kubernetes."+c.at+":") {
			t.Errorf("%s from %s: %v", c.version, c.repository, diags)
		}
	}
	if diags := kubernetesschema.CheckInstalled(types.ObjectNull(nil), at, "1.37.2"); len(diags) > 0 {
		t.Errorf("without a build: %v", diags)
	}
}
