package bootstrap

import (
	"encoding/pem"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/gantry/terraform-provider-gantry/internal/sshkey"
)

// FieldError is the error of one field of a Node. It never quotes a
// secret.
type FieldError struct {
	// Field is the path of the field below Node, such as "Proxy.HTTP".
	Field string
	// Reason is what the field must be.
	Reason string
}

// Error names the field and the reason.
func (e *FieldError) Error() string { return e.Field + ": " + e.Reason }

var (
	tokenPattern          = regexp.MustCompile(`^[a-z0-9]{6}\.[a-z0-9]{16}$`)
	caHashPattern         = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
	certificateKeyPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)
	macPattern            = regexp.MustCompile(`^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$`)     // of one card, not of a group
	imagePattern          = regexp.MustCompile(`^[a-z0-9]+([._/-][a-z0-9]+|__[a-z0-9]+)*` + // without its registry
		`(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?$`)
	uuidPattern = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
)

// problems collects the errors of a node.
type problems []error

func (p *problems) add(field, format string, arguments ...any) {
	*p = append(*p, &FieldError{Field: field, Reason: fmt.Sprintf(format, arguments...)})
}

// validate returns every *FieldError of the node, joined.
func (n Node) validate() error {
	var p problems
	n.validateIdentity(&p)
	n.validateNetwork(&p)
	n.validateLabels(&p)
	n.validateAccess(&p)
	n.validateSetup(&p)
	n.validateCredentials(&p)
	n.Registry.validateLogin(&p)
	if n.DHCP && !n.Endpoint.known() {
		p.add("Endpoint", "the load balancer's address is not known")
	}
	n.validateRestore(&p)
	if len(p) == 0 {
		return nil
	}
	return fmt.Errorf("node %q cannot be bootstrapped: %w", n.Name, errors.Join(p...))
}

func (n Node) validateIdentity(p *problems) {
	if n.ClusterName == "" || len(validation.IsDNS1123Subdomain(n.ClusterName)) > 0 {
		p.add("ClusterName", "%q is not a DNS name of lower-case letters, digits and dashes", n.ClusterName)
	}
	if len(validation.IsDNS1123Label(n.Name)) > 0 {
		p.add("Name", "%q is not a host name of lower-case letters, digits and dashes, at most 63 characters", n.Name)
	}
	if !uuidPattern.MatchString(n.InstanceID) {
		p.add("InstanceID", "%q is not a UUID", n.InstanceID)
	}
	switch n.Role {
	case FirstControlPlane, ControlPlane, Worker:
	default:
		p.add("Role", "%q is not one of %s, %s, %s", n.Role, FirstControlPlane, ControlPlane, Worker)
	}
	if err := checkRelease(n.KubernetesVersion); err != nil {
		p.add("KubernetesVersion", "%v", err)
	}
}

// kubeletLabels are the labels of Kubernetes' own domains that kubelet may set
// on its node; it does not start with others.
var kubeletLabels = map[string]bool{
	"kubernetes.io/arch":                       true,
	"kubernetes.io/hostname":                   true,
	"kubernetes.io/os":                         true,
	"node.kubernetes.io/instance-type":         true,
	"topology.kubernetes.io/region":            true,
	"topology.kubernetes.io/zone":              true,
	"beta.kubernetes.io/arch":                  true,
	"beta.kubernetes.io/instance-type":         true,
	"beta.kubernetes.io/os":                    true,
	"failure-domain.beta.kubernetes.io/region": true,
	"failure-domain.beta.kubernetes.io/zone":   true,
}

func (n Node) validateLabels(p *problems) {
	for key, value := range n.NodeLabels {
		field := fmt.Sprintf("NodeLabels[%q]", key)
		if faults := validation.IsQualifiedName(key); len(faults) > 0 {
			p.add(field, "not a label key: %s", strings.Join(faults, "; "))
		}
		if faults := validation.IsValidLabelValue(value); len(faults) > 0 {
			p.add(field, "%q is not a label value: %s", value, strings.Join(faults, "; "))
		}
		domain, _, qualified := strings.Cut(key, "/")
		if qualified && reserved(domain) && !kubeletLabels[key] {
			p.add(field, "kubelet may not set this label; it has to be set through the API")
		}
	}
}

// reserved reports whether kubelet refuses to set labels of the domain.
func reserved(domain string) bool {
	for _, open := range []string{"kubelet.kubernetes.io", "node.kubernetes.io"} {
		if domain == open || strings.HasSuffix(domain, "."+open) {
			return false
		}
	}
	for _, closed := range []string{"kubernetes.io", "k8s.io"} {
		if domain == closed || strings.HasSuffix(domain, "."+closed) {
			return true
		}
	}
	return false
}

func (n Node) validateAccess(p *problems) {
	for i, key := range n.SSHAuthorizedKeys {
		if line, err := sshkey.Parse(key); err != nil || line != key {
			p.add(fmt.Sprintf("SSHAuthorizedKeys[%d]", i), "not a line of authorized_keys without blanks around it")
		}
	}
	for i, server := range n.NTPServers {
		if err := CheckTimeServer(server); err != nil {
			p.add(fmt.Sprintf("NTPServers[%d]", i), "%v", err)
		}
	}
	n.Registry.validate(p)
	if n.Proxy == nil {
		return
	}
	for field, value := range map[string]string{"Proxy.HTTP": n.Proxy.HTTP, "Proxy.HTTPS": n.Proxy.HTTPS} {
		if value == "" {
			continue
		}
		if err := CheckProxyURL(value); err != nil {
			p.add(field, "%v", err)
		}
	}
	if !printable(n.Proxy.NoProxy) {
		p.add("Proxy.NoProxy", "not one line of printable characters")
	}
	if n.Proxy.CACertificate != "" {
		if block, _ := pem.Decode([]byte(n.Proxy.CACertificate)); block == nil || block.Type != "CERTIFICATE" || !text(n.Proxy.CACertificate) {
			p.add("Proxy.CACertificate", "not a PEM certificate")
		}
	}
}

// validateCredentials checks that a node has what its role needs, and nothing
// that only another role may see.
func (n Node) validateCredentials(p *problems) {
	first := n.Role == FirstControlPlane
	switch err := n.Authorities.Validate(); {
	case first && err != nil:
		p.add("Authorities", "%v", err)
	case !first && n.Authorities != nil:
		p.add("Authorities", "only the first control-plane node may get them")
	}
	for _, secret := range []struct {
		field, value string
		required     bool
		pattern      *regexp.Regexp
		form         string
	}{
		{"Token", n.Token, !first, tokenPattern, "a bootstrap token"},
		{"CAHash", n.CAHash, !first, caHashPattern, `"sha256:" and 64 hex digits`},
		{"CertificateKey", n.CertificateKey, n.Role == ControlPlane, certificateKeyPattern, "64 hex digits"},
	} {
		switch {
		case secret.required && !secret.pattern.MatchString(secret.value):
			p.add(secret.field, "a %s node needs %s", n.Role, secret.form)
		case !secret.required && secret.value != "":
			p.add(secret.field, "a %s node has no use for it", n.Role)
		}
	}
}

// printable reports whether s is one line that any YAML reader takes.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// text reports whether s is printable but for line ends.
func text(s string) bool {
	return printable(strings.NewReplacer("\n", "", "\r", "").Replace(s))
}
