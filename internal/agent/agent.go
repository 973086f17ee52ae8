package agent

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
	applyapps "k8s.io/client-go/applyconfigurations/apps/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	applymeta "k8s.io/client-go/applyconfigurations/meta/v1"
	applypolicy "k8s.io/client-go/applyconfigurations/policy/v1"
)

// Namespace and Deployment name the agent in the gateway's cluster.
const (
	Namespace  = "gantry-agent"
	Deployment = "gantry-agent"
)

// IdentityPath is the file in an agent's container that holds the gateway's id: what runs
// there can tell which gateway it must not take away from under itself.
const IdentityPath = "/etc/gantry/gateway"

// DefaultImage is the agent unless the configuration says otherwise.
const DefaultImage = "docker.io/hashicorp/tfc-agent:1.28.7"

const (
	secretName = "gantry-agent"
	trustName  = "gantry-agent-trust"
	trustPath  = "/etc/gantry/trust"
	// identityName is a ConfigMap whose only key is the file of IdentityPath.
	identityName = "gantry-agent-identity"
	identityKey  = "gateway"

	// secretAnnotation makes a new token roll the pods, which read it once.
	secretAnnotation = "gantry.io/secret"

	// minReadySeconds is how long a container has to run before it counts: an
	// agent that the console refuses ends well within it.
	minReadySeconds = 15
	// graceSeconds lets an agent end the run that it is in.
	graceSeconds = 3600
)

// Config is what an agent needs to register with the console.
type Config struct {
	Gateway     string // its name, the agents' in the console
	ID          string // of the gateway
	Replicas    int32  // one a node
	Image       string
	Endpoint    string // URL of the console, without a trailing slash
	Token       string // of the agent pool
	Proxy       *Proxy
	PodCIDR     string
	ServiceCIDR string
	// Direct are more destinations that the agents' runs reach without the proxy: what the
	// gateway is next to.
	Direct []string
}

// Proxy is the agent's way to the console.
type Proxy struct {
	HTTP, HTTPS, NoProxy, CACertificate string
}

// Manifests renders the agent.
func (c Config) Manifests() ([]string, error) {
	if c.Token == "" || c.Endpoint == "" || c.Image == "" || c.ID == "" || c.Replicas < 1 {
		return nil, errors.New("an agent needs an image, a console, a token, a gateway and a replica")
	}
	objects := []any{
		namespace(Namespace, "baseline"),
		applycore.Secret(secretName, Namespace).WithType(corev1.SecretTypeOpaque).WithData(c.secrets()),
		applycore.ConfigMap(identityName, Namespace).WithData(map[string]string{identityKey: c.ID}),
		budget(),
	}
	if c.trusts() {
		objects = append(objects, applycore.ConfigMap(trustName, Namespace).WithData(map[string]string{"proxy-ca.crt": c.Proxy.CACertificate}))
	}
	return render(append(objects, c.deployment())...)
}

func (c Config) deployment() *applyapps.DeploymentApplyConfiguration {
	container := applycore.Container().WithName("agent").WithImage(c.Image).WithEnv(c.environment()...).
		WithEnvFrom(applycore.EnvFromSource().WithSecretRef(applycore.SecretEnvSource().WithName(secretName))).
		WithResources(applycore.ResourceRequirements().
			WithRequests(corev1.ResourceList{
				corev1.ResourceCPU: resource.MustParse("250m"), corev1.ResourceMemory: resource.MustParse("512Mi"),
			}).
			WithLimits(corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("2Gi")})).
		// The image names its user and gives no number, so that runAsNonRoot, which
		// can't see through a name, would keep it from starting.
		WithSecurityContext(applycore.SecurityContext().WithAllowPrivilegeEscalation(false).
			WithCapabilities(applycore.Capabilities().WithDrop("ALL")).
			WithSeccompProfile(applycore.SeccompProfile().WithType(corev1.SeccompProfileTypeRuntimeDefault))).
		WithVolumeMounts(applycore.VolumeMount().WithName("identity").WithMountPath(IdentityPath).WithSubPath(identityKey).WithReadOnly(true))
	pod := applycore.PodSpec().WithAutomountServiceAccountToken(false).WithEnableServiceLinks(false).
		WithTerminationGracePeriodSeconds(graceSeconds).
		WithTopologySpreadConstraints(spread(c.Replicas)).
		WithVolumes(applycore.Volume().WithName("identity").WithConfigMap(applycore.ConfigMapVolumeSource().WithName(identityName)))
	if c.trusts() {
		container.WithVolumeMounts(applycore.VolumeMount().WithName("trust").WithMountPath(trustPath).WithReadOnly(true))
		pod.WithVolumes(applycore.Volume().WithName("trust").WithConfigMap(applycore.ConfigMapVolumeSource().WithName(trustName)))
	}
	return applyapps.Deployment(Deployment, Namespace).WithLabels(labels()).WithSpec(applyapps.DeploymentSpec().
		WithReplicas(c.Replicas).WithMinReadySeconds(minReadySeconds).
		// The new agent first: the old one may be running the very apply that
		// replaces it, and ends only after that.
		WithStrategy(applyapps.DeploymentStrategy().WithType(appsv1.RollingUpdateDeploymentStrategyType).
			WithRollingUpdate(applyapps.RollingUpdateDeployment().WithMaxSurge(intstr.FromInt32(1)).WithMaxUnavailable(intstr.FromInt32(0)))).
		WithSelector(applymeta.LabelSelector().WithMatchLabels(labels())).
		WithTemplate(applycore.PodTemplateSpec().WithLabels(labels()).
			WithAnnotations(map[string]string{secretAnnotation: c.mark()}).
			WithSpec(pod.WithContainers(container))))
}

func labels() map[string]string { return map[string]string{"app.kubernetes.io/name": Deployment} }

// spread has each node run one agent of a version. A node that is drained does not count,
// so that its agent may go to the one that takes its place; an update counts its own agents
// alone. Nodes that are not Ready yet do not count either, and agents that were placed
// before would stay together for good: one waits for a node of its own.
func spread(replicas int32) *applycore.TopologySpreadConstraintApplyConfiguration {
	return applycore.TopologySpreadConstraint().WithMaxSkew(1).WithMinDomains(replicas).WithTopologyKey(corev1.LabelHostname).
		WithWhenUnsatisfiable(corev1.DoNotSchedule).
		WithNodeTaintsPolicy(corev1.NodeInclusionPolicyHonor).
		WithMatchLabelKeys(appsv1.DefaultDeploymentUniqueLabelKey).
		WithLabelSelector(applymeta.LabelSelector().WithMatchLabels(labels()))
}

// budget keeps drained nodes from taking one agent before the last has come up elsewhere.
// One that does not serve never holds up a drain.
func budget() *applypolicy.PodDisruptionBudgetApplyConfiguration {
	return applypolicy.PodDisruptionBudget(Deployment, Namespace).WithSpec(applypolicy.PodDisruptionBudgetSpec().
		WithMaxUnavailable(intstr.FromInt32(1)).
		WithUnhealthyPodEvictionPolicy(policyv1.AlwaysAllow).
		WithSelector(applymeta.LabelSelector().WithMatchLabels(labels())))
}

func (c Config) trusts() bool { return c.Proxy != nil && c.Proxy.CACertificate != "" }

// secrets returns the variables that stand in a Secret: the token, and the proxy,
// whose URL may carry a password.
func (c Config) secrets() map[string][]byte {
	data := map[string][]byte{"TFC_AGENT_TOKEN": []byte(c.Token)}
	if c.Proxy == nil {
		return data
	}
	for name, value := range map[string]string{"HTTP_PROXY": c.Proxy.HTTP, "HTTPS_PROXY": c.Proxy.HTTPS, "NO_PROXY": c.noProxy()} {
		if value != "" {
			data[name], data[strings.ToLower(name)] = []byte(value), []byte(value)
		}
	}
	return data
}

// Secrets are the texts that are never shown: the token, and the password of the proxy
// as it stands in its URL and without escapes.
func (c Config) Secrets() []string {
	secrets := []string{c.Token}
	if c.Proxy == nil {
		return secrets
	}
	for _, text := range []string{c.Proxy.HTTP, c.Proxy.HTTPS} {
		u, err := url.Parse(text)
		if err != nil || u.User == nil {
			continue
		}
		if password, ok := u.User.Password(); ok {
			_, escaped, _ := strings.Cut(u.User.String(), ":")
			secrets = append(secrets, escaped, password)
		}
	}
	return secrets
}

// mark differs when the secrets do, and reveals nothing of them.
func (c Config) mark() string {
	mark := hmac.New(sha256.New, []byte(c.Token))
	secrets := c.secrets()
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		fmt.Fprintf(mark, "%s=%q\n", name, secrets[name])
	}
	return hex.EncodeToString(mark.Sum(nil)[:8])
}

func (c Config) environment() []*applycore.EnvVarApplyConfiguration {
	text := func(name, value string) *applycore.EnvVarApplyConfiguration {
		// The kubelet expands $(NAME) in values; $$ is a dollar sign.
		return applycore.EnvVar().WithName(name).WithValue(strings.ReplaceAll(value, "$", "$$"))
	}
	env := []*applycore.EnvVarApplyConfiguration{
		text("TFC_ADDRESS", c.Endpoint),
		text("TFC_AGENT_NAME", c.Gateway),
		// The version is the image's, and changes when the configuration does.
		text("TFC_AGENT_AUTO_UPDATE", "disabled"),
	}
	if c.trusts() {
		// Go reads all of these directories; the first is the image's own.
		env = append(env, text("SSL_CERT_DIR", "/etc/ssl/certs:"+trustPath))
	}
	return env
}

// noProxy lists what is always reached directly, then what the user adds; it is
// empty without a proxy.
func (c Config) noProxy() string {
	if c.Proxy.HTTP == "" && c.Proxy.HTTPS == "" {
		return ""
	}
	list := []string{"localhost", "127.0.0.1", "::1", ".svc", ".cluster.local", c.PodCIDR, c.ServiceCIDR}
	list = append(list, c.Direct...)
	for entry := range strings.SplitSeq(c.Proxy.NoProxy, ",") {
		if entry = strings.TrimSpace(entry); entry != "" && !slices.Contains(list, entry) {
			list = append(list, entry)
		}
	}
	return strings.Join(slices.DeleteFunc(list, func(s string) bool { return s == "" }), ",")
}
