package agent_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"github.com/gantry/terraform-provider-gantry/internal/agent"
	"github.com/gantry/terraform-provider-gantry/internal/kube"
)

func config() agent.Config {
	return agent.Config{
		Gateway:     "dc1",
		ID:          "3b241101-e2bb-4255-8caf-4136c566a962",
		Replicas:    3,
		Image:       agent.DefaultImage,
		Endpoint:    "https://app.terraform.io",
		Token:       "abc.atlasv1.def",
		PodCIDR:     "192.168.0.0/16",
		ServiceCIDR: "10.96.0.0/12",
	}
}

// object reads the one manifest of a kind, refusing fields that the kind does
// not have.
func object[T any](t rapid.TB, manifests []string, kind string) *T {
	t.Helper()
	for _, m := range manifests {
		if err := kube.Validate(m); err != nil {
			t.Fatalf("%v in\n%s", err, m)
		}
		if strings.Contains(m, "\nkind: "+kind+"\n") {
			into := new(T)
			if err := yaml.UnmarshalStrict([]byte(m), into); err != nil {
				t.Fatalf("%s: %v in\n%s", kind, err, m)
			}
			return into
		}
	}
	t.Fatalf("no %s in %d manifests", kind, len(manifests))
	return nil
}

func manifests(t rapid.TB, c agent.Config) []string {
	t.Helper()
	list, err := c.Manifests()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func variables(d *appsv1.Deployment) map[string]string {
	out := map[string]string{}
	for _, v := range d.Spec.Template.Spec.Containers[0].Env {
		out[v.Name] = v.Value
	}
	return out
}

func TestTokenHolds(t *testing.T) {
	t.Parallel()
	hostile := []string{
		`"`, `'`, "`", "a: b", "- x", "{{ .Token }}", "$(TFC_ADDRESS)", "$$", "%s", "\\", "#", "---\nkind: Pod",
		"line\nline", "\t", " leading", "trailing ", "null", "true", "1e3", "0x10", "~", "&a", "*a", "!!binary x", "ü☃", "\x00",
	}
	rapid.Check(t, func(t *rapid.T) {
		c := config()
		c.Token = rapid.OneOf(rapid.SampledFrom(hostile), rapid.StringN(1, 64, -1)).Draw(t, "token")
		list := manifests(t, c)
		secret := object[corev1.Secret](t, list, "Secret")
		if got := string(secret.Data["TFC_AGENT_TOKEN"]); got != c.Token {
			t.Fatalf("the token %q became %q", c.Token, got)
		}
		if len(secret.Data) != 1 {
			t.Fatalf("the secret has more than the token: %v", secret.Data)
		}
	})
}

func TestTokenStandsInTheSecretAlone(t *testing.T) {
	t.Parallel()
	c := config()
	c.Proxy = &agent.Proxy{HTTP: "http://user:hunter2@proxy:3128", HTTPS: "http://user:hunter2@proxy:3128", NoProxy: "vcenter.example.com"}
	for _, m := range manifests(t, c) {
		if strings.Contains(m, c.Token) || strings.Contains(m, "hunter2") {
			t.Errorf("a secret is shown in\n%s", m)
		}
	}
}

func TestEveryValueHolds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := config()
		// YAML has no control characters, and what a URL or an image holds has none.
		text := rapid.StringOfN(rapid.RuneFrom(nil, unicode.GraphicRanges...), 1, 40, -1)
		c.Gateway = text.Draw(t, "gateway")
		c.Image = text.Draw(t, "image")
		c.Endpoint = text.Draw(t, "endpoint")
		d := object[appsv1.Deployment](t, manifests(t, c), "Deployment")
		env := variables(d)
		for name, want := range map[string]string{"TFC_ADDRESS": c.Endpoint, "TFC_AGENT_NAME": c.Gateway} {
			if got := strings.ReplaceAll(env[name], "$$", "$"); got != want {
				t.Fatalf("%s: %q became %q", name, want, got)
			}
			if strings.Contains(strings.ReplaceAll(env[name], "$$", ""), "$") {
				t.Fatalf("%s: the kubelet would expand %q", name, env[name])
			}
		}
		if got := d.Spec.Template.Spec.Containers[0].Image; got != c.Image {
			t.Fatalf("image %q became %q", c.Image, got)
		}
	})
}

func TestAgentIsConfined(t *testing.T) {
	t.Parallel()
	list := manifests(t, config())
	ns := object[corev1.Namespace](t, list, "Namespace")
	d := object[appsv1.Deployment](t, list, "Deployment")
	if ns.Name != agent.Namespace || d.Namespace != agent.Namespace || d.Name != agent.Deployment {
		t.Errorf("namespace %s, deployment %s/%s", ns.Name, d.Namespace, d.Name)
	}
	pod := d.Spec.Template.Spec
	c := pod.Containers[0]
	switch {
	case ns.Labels["pod-security.kubernetes.io/enforce"] != "baseline":
		t.Error("the namespace takes any pod")
	case pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken:
		t.Error("the agent gets a token of the cluster's API")
	case c.SecurityContext == nil || *c.SecurityContext.AllowPrivilegeEscalation ||
		!slices.Contains(c.SecurityContext.Capabilities.Drop, "ALL"):
		t.Errorf("security context: %+v", c.SecurityContext)
	case c.Resources.Limits.Memory().IsZero():
		t.Error("no limit of memory")
	case d.Spec.Strategy.RollingUpdate.MaxUnavailable.IntValue() != 0:
		t.Error("an update ends the agent before there is another")
	case len(c.EnvFrom) != 1 || c.EnvFrom[0].SecretRef.Name != object[corev1.Secret](t, list, "Secret").Name:
		t.Error("the agent does not read the secret")
	}
	if got := variables(d)["TFC_AGENT_AUTO_UPDATE"]; got != "disabled" {
		t.Errorf("the agent may become another version than its image's: %q", got)
	}
}

// Three agents of a gateway of three nodes, one on each, that know whose they are.
func TestOneAgentANode(t *testing.T) {
	t.Parallel()
	list := manifests(t, config())
	d := object[appsv1.Deployment](t, list, "Deployment")
	if *d.Spec.Replicas != 3 {
		t.Errorf("%d replicas", *d.Spec.Replicas)
	}
	if d.Spec.MinReadySeconds != 15 {
		t.Errorf("an agent has registered once it has run for %d s", d.Spec.MinReadySeconds)
	}
	pod := d.Spec.Template.Spec
	spread := pod.TopologySpreadConstraints
	if len(spread) != 1 || spread[0].WhenUnsatisfiable != corev1.DoNotSchedule || spread[0].TopologyKey != corev1.LabelHostname ||
		*spread[0].MinDomains != 3 ||
		*spread[0].NodeTaintsPolicy != corev1.NodeInclusionPolicyHonor {
		t.Errorf("spread: %+v", spread)
	}
	budget := object[policyv1.PodDisruptionBudget](t, list, "PodDisruptionBudget")
	if budget.Spec.MaxUnavailable.IntValue() != 1 || *budget.Spec.UnhealthyPodEvictionPolicy != policyv1.AlwaysAllow ||
		budget.Spec.Selector.MatchLabels["app.kubernetes.io/name"] != d.Spec.Template.Labels["app.kubernetes.io/name"] {
		t.Errorf("budget: %+v", budget.Spec)
	}
	identity := object[corev1.ConfigMap](t, list, "ConfigMap")
	mount := pod.Containers[0].VolumeMounts[0]
	if mount.MountPath != agent.IdentityPath || pod.Volumes[0].ConfigMap.Name != identity.Name ||
		identity.Data[mount.SubPath] != config().ID {
		t.Errorf("identity: %+v in %+v", mount, identity.Data)
	}
}

func TestPodsFollowTheSecret(t *testing.T) {
	t.Parallel()
	annotations := func(change func(*agent.Config)) string {
		c := config()
		change(&c)
		d := object[appsv1.Deployment](t, manifests(t, c), "Deployment")
		raw, err := json.Marshal(d.Spec.Template.Annotations)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	before := annotations(func(*agent.Config) {})
	if annotations(func(*agent.Config) {}) != before {
		t.Error("the same configuration rolls the pods")
	}
	if annotations(func(c *agent.Config) { c.Token = "other" }) == before {
		t.Error("a new token does not roll the pods")
	}
	if annotations(func(c *agent.Config) { c.Proxy = &agent.Proxy{HTTP: "http://p", HTTPS: "http://p"} }) == before {
		t.Error("a new proxy does not roll the pods")
	}
}

func TestProxy(t *testing.T) {
	t.Parallel()
	c := config()
	c.Direct = []string{"vc", "10.0.0.0/24"}
	c.Proxy = &agent.Proxy{
		HTTP:          "http://proxy:3128",
		HTTPS:         "http://proxy:3129",
		NoProxy:       " vcenter.example.com ,, localhost",
		CACertificate: "PEM",
	}
	list := manifests(t, c)
	data := object[corev1.Secret](t, list, "Secret").Data
	want := "localhost,127.0.0.1,::1,.svc,.cluster.local,192.168.0.0/16,10.96.0.0/12,vc,10.0.0.0/24,vcenter.example.com"
	for name, value := range map[string]string{
		"HTTP_PROXY": "http://proxy:3128", "http_proxy": "http://proxy:3128",
		"HTTPS_PROXY": "http://proxy:3129", "https_proxy": "http://proxy:3129", "NO_PROXY": want, "no_proxy": want,
	} {
		if got := string(data[name]); got != value {
			t.Errorf("%s: got %q, want %q", name, got, value)
		}
	}
	d := object[appsv1.Deployment](t, list, "Deployment")
	pod := d.Spec.Template.Spec
	mounts := pod.Containers[0].VolumeMounts
	if len(pod.Volumes) != 2 || !strings.Contains(strings.Join(list, ""), "proxy-ca.crt: PEM") ||
		!strings.Contains(strings.Join(list, ""), "name: "+pod.Volumes[1].ConfigMap.Name+"\n") {
		t.Fatalf("volumes: %+v", pod.Volumes)
	}
	if dirs := variables(d)["SSL_CERT_DIR"]; dirs != "/etc/ssl/certs:"+mounts[1].MountPath {
		t.Errorf("the agent does not trust the proxy: %q", dirs)
	}
}

func TestNothingWithoutAToken(t *testing.T) {
	t.Parallel()
	c := config()
	c.Token = ""
	if list, err := c.Manifests(); err == nil {
		t.Errorf("%d manifests without a token", len(list))
	}
}
