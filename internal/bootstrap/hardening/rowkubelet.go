package hardening

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// settingRow is about kubelet's configuration, as it is after its defaults.
func settingRow(id string, by By, holds string, c check) Row {
	return Row{ID: id, Automated: true, By: by, Holds: holds, about: kubeletSettings, check: c}
}

func kubeletRows() []Row {
	// A field that is not set has kubelet's default.
	var unset any
	hostname := manual(Row{
		ID: "4.2.7", By: Kubeadm, about: kubeletFlags, Holds: "no `--hostname-override`: a node is called as its machine is",
		check: hostnameAsItIs,
	})
	return []Row{
		settingRow("4.2.1", Kubeadm, "`authentication.anonymous.enabled: false`", kubeletIs("authentication.anonymous.enabled", false)),
		settingRow("4.2.2", Kubeadm, "`authorization.mode: Webhook`", kubeletIs("authorization.mode", "Webhook")),
		settingRow("4.2.3", Kubeadm, "`authentication.x509.clientCAFile` is the cluster's authority",
			kubeletIs("authentication.x509.clientCAFile", pki+"/ca.crt")),
		manual(settingRow("4.2.4", Kubernetes, "`readOnlyPort` is its default, 0", kubeletIs("readOnlyPort", 0, unset))),
		manual(settingRow("4.2.5", Gantry, "`streamingConnectionIdleTimeout: 4h0m0s`", idleStreamsEnd())),
		settingRow("4.2.6", Kubernetes, "`makeIPTablesUtilChains` is its default, true", kubeletIs("makeIPTablesUtilChains", true, unset)),
		hostname,
		manual(settingRow("4.2.8", Kubernetes, "`eventRecordQPS` is its default, 50", kubeletIs("eventRecordQPS", 50, unset))),
		manual(excepted(settingRow("4.2.9", Kubernetes, "kubelet serves with a certificate that it has signed itself",
			setting(kubeletConfig, "tlsCertFile", func(value any) error {
				if value == nil || !strings.HasPrefix(fmt.Sprint(value), pki) {
					return fmt.Errorf("it is %v", value)
				}
				return nil
			})), servingCertificates, nil)),
		settingRow("4.2.10", Gantry, "`rotateCertificates: true`", kubeletIs("rotateCertificates", true)),
		manual(settingRow("4.2.11", Kubernetes, "the feature gate RotateKubeletServerCertificate is on, its default",
			kubeletIs("featureGates.RotateKubeletServerCertificate", true, unset))),
		manual(settingRow("4.2.12", Gantry, "`tlsCipherSuites`: for TLS 1.2, those of ECDHE with AES in GCM alone", strongSuites())),
		manual(settingRow("4.2.13", Gantry, "`podPidsLimit: 4096`", kubeletIs("podPidsLimit", 4096))),
		manual(settingRow("4.2.14", Gantry, "`seccompDefault: true`: a pod that says nothing has the runtime's profile",
			kubeletIs("seccompDefault", true))),
	}
}

func hostnameAsItIs(e Evidence) error {
	if value, set := e.Flags[kubelet]["hostname-override"]; set {
		return fmt.Errorf("it is set, to %q", value)
	}
	return nil
}

func idleStreamsEnd() check {
	return setting(kubeletConfig, "streamingConnectionIdleTimeout", func(value any) error {
		if timeout, err := time.ParseDuration(fmt.Sprint(value)); err != nil || timeout <= 0 {
			return fmt.Errorf("it is %v", value)
		}
		return nil
	})
}

func strongSuites() check {
	return setting(kubeletConfig, "tlsCipherSuites", func(value any) error {
		list, _ := value.([]any)
		var names []string
		for _, name := range list {
			names = append(names, fmt.Sprint(name))
		}
		return onlyOf(names, strong)
	})
}

func proxyRows() []Row {
	return []Row{{
		ID: "4.3.1", Automated: true, By: Kubernetes, about: proxySettings,
		Holds: "`metricsBindAddress` is its default, the node's own loopback address",
		check: setting(func(e Evidence) map[string]any { return e.KubeProxy }, "metricsBindAddress", func(value any) error {
			if address := fmt.Sprint(value); value == nil || address == "" || strings.HasPrefix(address, "127.0.0.1") {
				return nil
			}
			return fmt.Errorf("it is %v", value)
		}),
	}}
}

// coversConcerns expects that the policy leaves out nothing that changes anything, and no
// read of what is secret, and that it keeps no bodies.
func coversConcerns(e Evidence) error {
	rules, _ := e.Audit["rules"].([]any)
	if len(rules) == 0 {
		return errors.New("there are no rules")
	}
	secretsKept := false
	for i, entry := range rules {
		rule, _ := entry.(map[string]any)
		text := fmt.Sprint(rule["resources"])
		switch level := rule["level"]; {
		case level == "Metadata":
			secretsKept = secretsKept || rule["users"] == nil && strings.Contains(text, "secrets")
		case level != "None":
			return fmt.Errorf("rule %d is of level %v, which keeps what objects hold", i+1, level)
		case rule["resources"] == nil && rule["nonResourceURLs"] == nil && !secretsKept:
			return fmt.Errorf("rule %d leaves out reads of Secrets", i+1)
		case !(rule["resources"] != nil && (strings.Contains(text, "leases") || strings.Contains(text, "events"))) && !readsOnly(rule):
			return fmt.Errorf("rule %d leaves out changes", i+1)
		}
	}
	last, _ := rules[len(rules)-1].(map[string]any)
	if len(last) != 1 || last["level"] != "Metadata" {
		return errors.New("the last rule does not have the metadata of all else")
	}
	return nil
}

func readsOnly(rule map[string]any) bool {
	verbs, _ := rule["verbs"].([]any)
	for _, verb := range verbs {
		if verb != "get" && verb != "list" && verb != "watch" {
			return false
		}
	}
	return len(verbs) > 0
}
