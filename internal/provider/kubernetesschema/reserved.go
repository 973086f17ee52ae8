package kubernetesschema

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gantry/terraform-provider-gantry/internal/kubeoptions"
)

const (
	byKubeadm  = "kubeadm sets it, and nodes could not join or be trusted with another value"
	byAddress  = "Gantry sets the address and port that each node serves at"
	byOIDC     = "set api_server.oidc in its place"
	byEtcd     = "kubeadm runs etcd, and sets it"
	byIdentity = "Gantry sets the name and address of each node"
	byFields   = "Gantry sets it on every node; set the field in kubelet.config where it has one for users"
	byTaints   = "set the taints of the node pool in its place"
	byRoles    = "nodes discover the cluster, and probes ask for its health, without a name; roles decide what else they see"
	byNetwork  = "it is the service network of the cluster, which network.service_cidr sets"
)

// reservedFlags are the flags that Gantry or kubeadm sets, and why users cannot or what they
// set instead.
var reservedFlags = map[kubeoptions.Component]map[string]string{
	kubeoptions.APIServer: {
		"advertise-address":                  byAddress,
		"bind-address":                       byAddress,
		"secure-port":                        byAddress,
		"anonymous-auth":                     byRoles,
		"audit-policy-file":                  "set api_server.audit_policy in its place",
		"audit-log-path":                     "Gantry mounts the directory of the audit log",
		"authentication-config":              byOIDC,
		"client-ca-file":                     byKubeadm,
		"enable-bootstrap-token-auth":        byKubeadm,
		"encryption-provider-config":         "set encryption_at_rest in its place",
		"etcd-cafile":                        byEtcd,
		"etcd-certfile":                      byEtcd,
		"etcd-keyfile":                       byEtcd,
		"etcd-prefix":                        byEtcd,
		"etcd-servers":                       byEtcd,
		"kubelet-certificate-authority":      byKubeadm,
		"kubelet-client-certificate":         byKubeadm,
		"kubelet-client-key":                 byKubeadm,
		"oidc-ca-file":                       byOIDC,
		"oidc-client-id":                     byOIDC,
		"oidc-groups-claim":                  byOIDC,
		"oidc-groups-prefix":                 byOIDC,
		"oidc-issuer-url":                    byOIDC,
		"oidc-required-claim":                byOIDC,
		"oidc-username-claim":                byOIDC,
		"oidc-username-prefix":               byOIDC,
		"proxy-client-cert-file":             byKubeadm,
		"proxy-client-key-file":              byKubeadm,
		"requestheader-allowed-names":        byKubeadm,
		"requestheader-client-ca-file":       byKubeadm,
		"requestheader-extra-headers-prefix": byKubeadm,
		"requestheader-group-headers":        byKubeadm,
		"requestheader-username-headers":     byKubeadm,
		"service-account-key-file":           byKubeadm,
		"service-account-signing-key-file":   byKubeadm,
		"service-cluster-ip-range":           byNetwork,
		"tls-cert-file":                      byKubeadm,
		"tls-private-key-file":               byKubeadm,
		"tls-sni-cert-key":                   byKubeadm,
	},
	kubeoptions.ControllerManager: {
		"authentication-kubeconfig":        byKubeadm,
		"authorization-kubeconfig":         byKubeadm,
		"client-ca-file":                   byKubeadm,
		"cloud-provider":                   "a pack of layer cpi brings the cloud provider",
		"cluster-cidr":                     "it is the pod network of the cluster, which network.pod_cidr sets",
		"cluster-name":                     "it is the name of the cluster",
		"cluster-signing-cert-file":        byKubeadm,
		"cluster-signing-key-file":         byKubeadm,
		"kubeconfig":                       byKubeadm,
		"leader-elect":                     "the control plane may have several nodes, also while it is rolled",
		"requestheader-client-ca-file":     byKubeadm,
		"root-ca-file":                     byKubeadm,
		"secure-port":                      byAddress,
		"service-account-private-key-file": byKubeadm,
		"service-cluster-ip-range":         byNetwork,
		"tls-cert-file":                    byKubeadm,
		"tls-private-key-file":             byKubeadm,
		"use-service-account-credentials":  byKubeadm,
	},
	kubeoptions.Scheduler: {
		"authentication-kubeconfig":    byKubeadm,
		"authorization-kubeconfig":     byKubeadm,
		"client-ca-file":               byKubeadm,
		"kubeconfig":                   byKubeadm,
		"leader-elect":                 "the control plane may have several nodes, also while it is rolled",
		"requestheader-client-ca-file": byKubeadm,
		"secure-port":                  byAddress,
		"tls-cert-file":                byKubeadm,
		"tls-private-key-file":         byKubeadm,
	},
	kubeoptions.Kubelet: {
		"address":                      byFields,
		"anonymous-auth":               byKubeadm,
		"authentication-token-webhook": byKubeadm,
		"authorization-mode":           byKubeadm,
		"bootstrap-kubeconfig":         byKubeadm,
		"cert-dir":                     byKubeadm,
		"cgroup-driver":                byFields,
		"client-ca-file":               byKubeadm,
		"cloud-provider":               "a pack of layer cpi brings the cloud provider",
		"cluster-domain":               byKubeadm,
		"config":                       "set kubelet.config in its place",
		"config-dir":                   "set kubelet.config in its place",
		"container-runtime-endpoint":   byFields,
		"healthz-bind-address":         byKubeadm,
		"healthz-port":                 byKubeadm,
		"hostname-override":            byIdentity,
		"kubeconfig":                   byKubeadm,
		"node-ip":                      byIdentity,
		"node-labels":                  "set the labels of the node pool in its place",
		"pod-manifest-path":            byKubeadm,
		"port":                         byFields,
		"provider-id":                  "the cloud provider sets it",
		"register-node":                byKubeadm,
		"register-with-taints":         byTaints,
		"root-dir":                     byKubeadm,
		"rotate-certificates":          byKubeadm,
		"rotate-server-certificates":   byFields,
		"tls-cert-file":                byKubeadm,
		"tls-private-key-file":         byKubeadm,
	},
}

// reservedFields are the fields of KubeletConfiguration that are not for users.
var reservedFields = map[string]string{
	"address":                  byFields,
	"authentication":           byKubeadm,
	"authorization":            byKubeadm,
	"cgroupDriver":             "it is the one of containerd in the node image",
	"clusterDomain":            byKubeadm,
	"containerRuntimeEndpoint": byFields,
	"enableServer":             "the API server asks kubelet for logs",
	"healthzBindAddress":       byKubeadm,
	"healthzPort":              byKubeadm,
	"imageServiceEndpoint":     byFields,
	"podCIDR":                  "the pod network gives each node its range",
	"port":                     byFields,
	"providerID":               "the cloud provider sets it",
	"registerNode":             byKubeadm,
	"registerWithTaints":       byTaints,
	"rotateCertificates":       byKubeadm,
	"serverTLSBootstrap":       "nothing in the cluster approves the requests for such certificates",
	"staticPodPath":            byKubeadm,
	"staticPodURL":             byKubeadm,
	"tlsCertFile":              byKubeadm,
	"tlsPrivateKeyFile":        byKubeadm,
}

// rule is what the list in a flag's value has to hold, and may not; why says it.
type rule struct {
	needs, refuses []string
	why            string
}

// rules are about flags that users may set in part.
var rules = map[kubeoptions.Component]map[string]rule{
	kubeoptions.APIServer: {
		"authorization-mode": {[]string{"Node", "RBAC"}, []string{"AlwaysAllow", "AlwaysDeny"},
			"it has to have Node and RBAC, by which nodes and administrators have their rights, and neither AlwaysAllow nor AlwaysDeny"},
		"enable-admission-plugins": {[]string{"NodeRestriction"}, []string{"AlwaysAdmit", "AlwaysDeny"},
			"it has to have NodeRestriction, which keeps nodes from changing others, and neither AlwaysAdmit nor AlwaysDeny"},
		"disable-admission-plugins": {nil, []string{"NodeRestriction", "ServiceAccount", "NamespaceLifecycle"},
			"NodeRestriction, ServiceAccount and NamespaceLifecycle stay on"},
	},
	kubeoptions.ControllerManager: {
		"controllers": {[]string{"*", "bootstrapsigner", "tokencleaner"}, []string{"-bootstrapsigner", "-tokencleaner"},
			"it has to have *, bootstrapsigner and tokencleaner, without which no node can join"},
	},
}

// reserved says why a user may not set a flag to a value; empty where he may.
func reserved(component kubeoptions.Component, name, value string) string {
	if why, is := reservedFlags[component][name]; is {
		return why
	}
	r, is := rules[component][name]
	if !is {
		return ""
	}
	var words []string
	for word := range strings.SplitSeq(value, ",") {
		words = append(words, strings.TrimSpace(word))
	}
	has := func(word string) bool { return slices.Contains(words, word) }
	lacks := func(word string) bool { return !has(word) }
	if slices.ContainsFunc(r.needs, lacks) || slices.ContainsFunc(r.refuses, has) {
		return fmt.Sprintf("of its value, %s", r.why)
	}
	return ""
}
