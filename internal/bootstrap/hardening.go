package bootstrap

import (
	_ "embed"
	"path"
	"strings"
)

// What is here goes beyond kubeadm's defaults, so that the CIS Kubernetes Benchmark holds:
// package hardening has the table, with what is left out and why.

// auditPolicy has the API server record who did what: metadata, never what an object holds.
//
//go:embed audit-policy.yaml
var auditPolicy string

// restrictScript closes files to all but root.
//
//go:embed restrict.sh
var restrictScript string

const (
	restrictScriptPath = "/etc/gantry/restrict.sh"
	auditPolicyPath    = "/etc/gantry/audit-policy.yaml"
	auditLogPath       = "/var/log/kubernetes/audit/audit.log"
)

// strongCiphers are what a client of TLS 1.2 may choose from; TLS 1.3 has its own. HTTP/2
// asks for the first two.
var strongCiphers = []string{
	"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
	"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
	"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
	"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
}

// noProfiling takes the profiles of a component off its port.
var noProfiling = argument{Name: "profiling", Value: "false"}

// controlPlaneComponent is what kubeadm is told of a component of the control plane.
type controlPlaneComponent struct {
	ExtraArgs    []argument `json:"extraArgs"`
	ExtraVolumes []hostPath `json:"extraVolumes,omitempty"`
}

// hostPath is something of the node's that a component sees.
type hostPath struct {
	Name      string `json:"name"`
	HostPath  string `json:"hostPath"`
	MountPath string `json:"mountPath"`
	ReadOnly  bool   `json:"readOnly,omitempty"`
	PathType  string `json:"pathType"`
}

// hardenedAPIServer keeps at most about a gigabyte of audit log on each node.
func hardenedAPIServer() controlPlaneComponent {
	return controlPlaneComponent{
		ExtraArgs: []argument{
			{Name: "audit-log-maxage", Value: "30"},
			{Name: "audit-log-maxbackup", Value: "10"},
			{Name: "audit-log-maxsize", Value: "100"},
			{Name: "audit-log-path", Value: auditLogPath},
			{Name: "audit-policy-file", Value: auditPolicyPath},
			// kubeadm's own value is the first; the second refuses new external IPs of
			// services, by which their author gets traffic of others (CVE-2020-8554).
			{Name: "enable-admission-plugins", Value: "NodeRestriction,DenyServiceExternalIPs"},
			noProfiling,
			{Name: "service-account-extend-token-expiration", Value: "false"},
			{Name: "tls-cipher-suites", Value: strings.Join(strongCiphers, ",")},
		},
		ExtraVolumes: []hostPath{
			{Name: "audit-log", HostPath: path.Dir(auditLogPath), MountPath: path.Dir(auditLogPath), PathType: "DirectoryOrCreate"},
			{Name: "audit-policy", HostPath: auditPolicyPath, MountPath: auditPolicyPath, ReadOnly: true, PathType: "File"},
		},
	}
}

func hardenedControllerManager() controlPlaneComponent {
	return controlPlaneComponent{ExtraArgs: []argument{
		noProfiling,
		// Its own default, which the benchmark wants to see decided.
		{Name: "terminated-pod-gc-threshold", Value: "12500"},
	}}
}

func hardenedScheduler() controlPlaneComponent {
	return controlPlaneComponent{ExtraArgs: []argument{noProfiling}}
}

// hardeningFiles are those of every node.
func (n Node) hardeningFiles() []writeFile {
	return []writeFile{{Path: restrictScriptPath, Permissions: modeExecutable, Content: withoutComments(restrictScript)}}
}
