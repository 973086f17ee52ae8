package hardening

import (
	"fmt"
	"strings"
)

// flagRow is about flags of a component of the control plane.
func flagRow(id string, by By, holds string, c check) Row {
	return Row{ID: id, Automated: true, By: by, Holds: holds, about: controlPlaneFlags, check: c}
}

// excepted is a row whose check does not hold, for a reason.
func excepted(r Row, reason string, instead check) Row {
	r.Exception = reason
	r.instead = instead
	return r
}

// strong are the suites of the benchmark, by both names of those that have two.
var strong = []string{
	"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
	"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
	"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
	"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
	"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
}

const servingCertificates = "A kubelet's serving certificate is its own: one of the cluster's authority would have to be requested, " +
	"and then approved by something that knows which addresses a node may have, and neither kubeadm nor Kubernetes has that."

func apiServerRows() []Row { return append(accessToAPIRows(), apiServerOptionRows()...) }

// accessToAPIRows are about who is let in, and what is let through.
func accessToAPIRows() []Row {
	const plugins, modes = "enable-admission-plugins", "authorization-mode"
	return []Row{
		manual(excepted(flagRow("1.2.1", Kubernetes, "an anonymous request may ask for health and version, and read the ConfigMap cluster-info",
			equals(apiServer, "anonymous-auth", "false")),
			"Probes of kubelet and of load balancers, and a node that joins, have no identity yet. RBAC gives them no more than that.",
			lists(modes, "RBAC"))),
		flagRow("1.2.2", Kubeadm, "no `--token-auth-file`", unset(apiServer, "token-auth-file")),
		manual(flagRow("1.2.3", Gantry, "the admission plugin DenyServiceExternalIPs is on",
			lists(plugins, "DenyServiceExternalIPs"))),
		flagRow("1.2.4", Kubeadm, "`--kubelet-client-certificate` and `--kubelet-client-key`",
			set(apiServer, "kubelet-client-certificate", "kubelet-client-key")),
		excepted(flagRow("1.2.5", Kubernetes, "the API server reaches kubelets by TLS, with a client certificate",
			set(apiServer, "kubelet-certificate-authority")), servingCertificates,
			set(apiServer, "kubelet-client-certificate")),
		flagRow("1.2.6", Kubeadm, "`--authorization-mode` without AlwaysAllow", leavesOut(apiServer, modes, "AlwaysAllow")),
		flagRow("1.2.7", Kubeadm, "`--authorization-mode` with Node", lists(modes, "Node")),
		flagRow("1.2.8", Kubeadm, "`--authorization-mode` with RBAC", lists(modes, "RBAC")),
		manual(excepted(flagRow("1.2.9", Kubernetes, "the admission plugin EventRateLimit is off", lists(plugins, "EventRateLimit")),
			"It needs limits that fit the cluster, and too low ones lose the events that a failure is found by. Events are kept for an hour.",
			leavesOut(apiServer, plugins, "EventRateLimit"))),
		flagRow("1.2.10", Kubeadm, "the admission plugin AlwaysAdmit is off", leavesOut(apiServer, plugins, "AlwaysAdmit")),
		manual(excepted(flagRow("1.2.11", Kubernetes, "the admission plugin AlwaysPullImages is off",
			lists(plugins, "AlwaysPullImages")),
			"No pod could start while its registry is away, and images that a node image holds would be of no use. "+
				"It is for clusters whose tenants may not run each other's private images.",
			leavesOut(apiServer, plugins, "AlwaysPullImages"))),
		flagRow("1.2.12", Kubernetes, "the admission plugin ServiceAccount is on",
			leavesOut(apiServer, "disable-admission-plugins", "ServiceAccount")),
		flagRow("1.2.13", Kubernetes, "the admission plugin NamespaceLifecycle is on",
			leavesOut(apiServer, "disable-admission-plugins", "NamespaceLifecycle")),
		flagRow("1.2.14", Kubeadm, "the admission plugin NodeRestriction is on", lists(plugins, "NodeRestriction")),
	}
}

const auditLog = "/var/log/kubernetes/audit/audit.log"

func apiServerOptionRows() []Row {
	return []Row{
		profilingRow("1.2.15", apiServer),
		flagRow("1.2.16", Gantry, "`--audit-log-path`: "+code(auditLog), equals(apiServer, "audit-log-path", auditLog)),
		flagRow("1.2.17", Gantry, "`--audit-log-maxage=30`: days", atLeast(apiServer, "audit-log-maxage", 30)),
		flagRow("1.2.18", Gantry, "`--audit-log-maxbackup=10`: files", atLeast(apiServer, "audit-log-maxbackup", 10)),
		flagRow("1.2.19", Gantry, "`--audit-log-maxsize=100`: megabytes a file", atLeast(apiServer, "audit-log-maxsize", 100)),
		manual(flagRow("1.2.20", Kubernetes, "`--request-timeout` is its default, a minute", unset(apiServer, "request-timeout"))),
		flagRow("1.2.21", Kubernetes, "`--service-account-lookup` is its default, true",
			notOtherThan(apiServer, "service-account-lookup", "true")),
		flagRow("1.2.22", Kubeadm, "`--service-account-key-file`", set(apiServer, "service-account-key-file")),
		flagRow("1.2.23", Kubeadm, "`--etcd-certfile` and `--etcd-keyfile`", set(apiServer, "etcd-certfile", "etcd-keyfile")),
		flagRow("1.2.24", Kubeadm, "`--tls-cert-file` and `--tls-private-key-file`",
			set(apiServer, "tls-cert-file", "tls-private-key-file")),
		flagRow("1.2.25", Kubeadm, "`--client-ca-file`", set(apiServer, "client-ca-file")),
		flagRow("1.2.26", Kubeadm, "`--etcd-cafile`", set(apiServer, "etcd-cafile")),
		encryptionRow("1.2.27"),
		encryptionRow("1.2.28"),
		manual(flagRow("1.2.29", Gantry, "`--tls-cipher-suites`: for TLS 1.2, those of ECDHE with AES in GCM alone",
			flag(apiServer, "tls-cipher-suites", func(value string, _ bool) error { return onlyOf(strings.Split(value, ","), strong) }))),
		flagRow("1.2.30", Gantry, "`--service-account-extend-token-expiration=false`: a pod's token ends after its hour, and not after a year",
			equals(apiServer, "service-account-extend-token-expiration", "false")),
	}
}

func profilingRow(id, component string) Row {
	return flagRow(id, Gantry, "`--profiling=false`", equals(component, "profiling", "false"))
}

func encryptionRow(id string) Row {
	return manual(excepted(flagRow(id, Kubernetes, "Secrets are in etcd as they are, behind TLS and in files of root",
		set(apiServer, "encryption-provider-config")),
		"It is off unless `profile.kubernetes.encryption_at_rest` is set, which encrypts them with secretbox: a key that is to be kept for "+
			"as long as the cluster's backups is your decision. It is on the disks of the control plane: encrypt these by a storage policy "+
			"of vSphere.",
		nil))
}

func controllerManagerRows() []Row {
	return []Row{
		manual(flagRow("1.3.1", Gantry, "`--terminated-pod-gc-threshold=12500`", set(controllerManager, "terminated-pod-gc-threshold"))),
		profilingRow("1.3.2", controllerManager),
		flagRow("1.3.3", Kubeadm, "`--use-service-account-credentials=true`",
			equals(controllerManager, "use-service-account-credentials", "true")),
		flagRow("1.3.4", Kubeadm, "`--service-account-private-key-file`", set(controllerManager, "service-account-private-key-file")),
		flagRow("1.3.5", Kubeadm, "`--root-ca-file`", set(controllerManager, "root-ca-file")),
		flagRow("1.3.6", Kubernetes, "the feature gate RotateKubeletServerCertificate is on, its default",
			leavesOut(controllerManager, "feature-gates", "RotateKubeletServerCertificate=false")),
		localRow("1.3.7", controllerManager),
	}
}

func schedulerRows() []Row {
	return []Row{profilingRow("1.4.1", scheduler), localRow("1.4.2", scheduler)}
}

func localRow(id, component string) Row {
	return flagRow(id, Kubeadm, "`--bind-address=127.0.0.1`", notOtherThan(component, "bind-address", "127.0.0.1"))
}

func etcdRows() []Row {
	const authority = pki + "/etcd/ca.crt"
	return []Row{
		flagRow("2.1", Kubeadm, "`--cert-file` and `--key-file`", set(etcd, "cert-file", "key-file")),
		flagRow("2.2", Kubeadm, "`--client-cert-auth=true`", equals(etcd, "client-cert-auth", "true")),
		flagRow("2.3", Kubeadm, "`--auto-tls` is its default, false", notOtherThan(etcd, "auto-tls", "false")),
		flagRow("2.4", Kubeadm, "`--peer-cert-file` and `--peer-key-file`", set(etcd, "peer-cert-file", "peer-key-file")),
		flagRow("2.5", Kubeadm, "`--peer-client-cert-auth=true`", equals(etcd, "peer-client-cert-auth", "true")),
		flagRow("2.6", Kubeadm, "`--peer-auto-tls` is its default, false", notOtherThan(etcd, "peer-auto-tls", "false")),
		manual(flagRow("2.7", Gantry, "`--trusted-ca-file` is an authority of etcd's own", all(
			equals(etcd, "trusted-ca-file", authority),
			flag(apiServer, "client-ca-file", func(value string, _ bool) error {
				if value == authority {
					return fmt.Errorf("it is etcd's")
				}
				return nil
			})))),
	}
}

func accessRows() []Row {
	return []Row{
		{
			ID: "3.1.1", By: Gantry, Holds: "the `kubeconfig` of a cluster is a client certificate of a year",
			Exception: "It is for administrators and for Terraform. As whom other people come is decided where the cluster is used.",
		},
		{ID: "3.1.2", By: Gantry, Holds: "Gantry hands out no tokens of service accounts"},
		{ID: "3.1.3", By: Gantry, Holds: "bootstrap tokens are made for the nodes that join, and deleted when these have joined"},
		manual(flagRow("3.2.1", Gantry, "`--audit-policy-file`: "+code("/etc/gantry/audit-policy.yaml"),
			set(apiServer, "audit-policy-file"))),
		{
			ID: "3.2.2", By: Gantry, about: auditPolicy, check: coversConcerns,
			Holds: "the audit log has every request but probes, heartbeats, events and what components read that is neither a Secret, " +
				"a ConfigMap nor a token; it has metadata alone, so that no Secret is in it",
		},
	}
}
