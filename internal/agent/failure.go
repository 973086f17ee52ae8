package agent

import (
	"fmt"
	"regexp"
	"strings"
)

// Failure is why an agent has not registered.
type Failure int

// The failures that an agent's log tells apart. The agent is a Go program: what fails on
// its way to the console is said in the words of Go's net packages, and the console's
// refusal as the status of its answer.
const (
	Unknown       Failure = iota // only the log says more
	CodeRefused                  // the console does not take the token
	NoWayOut                     // no connection to the console comes about
	ProxyRefuses                 // the proxy does not let the agent through
	WrongEndpoint                // what answers is no console
	Untrusted                    // the certificate that is shown is not trusted
	NoImage                      // the container's image cannot be pulled
	NoRoom                       // no node takes the pod
)

// End is how an agent's container has ended, or why it has not started.
type End struct {
	Waiting  string // the kubelet's or the scheduler's reason, such as ImagePullBackOff
	Message  string
	ExitCode int32
	Log      string // the last lines
}

// signs are what a log holds of a failure, the most telling first: a proxy's refusal also
// reads like a connection that does not come about.
var signs = []struct {
	failure Failure
	sign    *regexp.Regexp
}{
	{ProxyRefuses, regexp.MustCompile(`(?im)proxy authentication required|status=407|proxyconnect tcp|: (Forbidden|Bad Gateway)"?$`)},
	{Untrusted, regexp.MustCompile(`(?i)x509:|tls: failed to verify certificate`)},
	{CodeRefused, regexp.MustCompile(`(?i)status=40[13]\b|\bunauthorized\b|invalid (agent )?(pool )?token`)},
	{WrongEndpoint, regexp.MustCompile(`(?i)status=(3\d\d|40[0-9]|410)\b|invalid character '<'|` +
		`server gave HTTP response to HTTPS client|first record does not look like a TLS handshake|unsupported protocol scheme`)},
	{NoWayOut, regexp.MustCompile(`(?i)no such host|server misbehaving|connection refused|network is unreachable|no route to host|` +
		`i/o timeout|context deadline exceeded|Client\.Timeout|TLS handshake timeout|connection reset by peer|: EOF\b`)},
}

// Why sorts the end of an agent's container.
func (e End) Why() Failure {
	switch {
	case e.Waiting == "Unschedulable":
		return NoRoom
	case strings.Contains(e.Waiting, "Image"):
		return NoImage
	}
	for _, s := range signs {
		if s.sign.MatchString(e.Log) {
			return s.failure
		}
	}
	return Unknown
}

// Explain says why none of an agent's containers stays up and what to do about it, from
// how they have ended. Secrets are taken out of what a log holds.
func Explain(ends []End, secrets []string) string {
	const logs = "`kubectl -n " + Namespace + " logs deployment/" + Deployment + "` shows more"
	if len(ends) == 0 {
		return "The agent has not registered with the console, and nothing says why. Check that console_endpoint is reachable from the " +
			"gateway's nodes, through the proxy where there is one. A slow network may need a longer registration_timeout. " + logs + "."
	}
	end := ends[0]
	for _, other := range ends[1:] {
		if end.Why() == Unknown {
			end = other
		}
	}
	said := hide(end.said(), secrets)
	switch end.Why() {
	case CodeRefused:
		return "The console refuses the pairing code. Make a token of one of its agent pools, and set pairing_code, or pairing_code_wo with " +
			"another version, to it" + quote(said)
	case NoWayOut:
		return "The gateway's nodes do not reach the console. Check that the host of console_endpoint resolves on them, and that a firewall " +
			"lets them out to its port 443, or set proxy" + quote(said)
	case ProxyRefuses:
		return "The proxy does not let the agent through to the console. Check the address, user and password in proxy, and that the proxy " +
			"allows the host of console_endpoint" + quote(said)
	case WrongEndpoint:
		return "What answers at console_endpoint is no console with agents. Set it to the address of HCP Terraform or of a Terraform " +
			"Enterprise that has agents enabled" + quote(said)
	case Untrusted:
		return "The agent does not trust the certificate that it is shown at console_endpoint. Where a proxy inspects the traffic, or the " +
			"console has a certificate of your own authority, set proxy.ca_certificate to that authority" + quote(said)
	case NoImage:
		return "The agent's image cannot be pulled. Check agent_image, and that the gateway's nodes reach its registry" + quote(said)
	case NoRoom:
		return "No node takes the agent. Check the gateway's nodes with `kubectl get nodes`" + quote(said)
	}
	return fmt.Sprintf("The agent has not registered with the console; it ended with code %d. %s%s", end.ExitCode, logs, quote(said))
}

// said is the line of the log that shows the failure, else all of it that is at hand.
func (e End) said() string {
	if e.Log == "" {
		return e.Message
	}
	why := e.Why()
	for _, s := range signs {
		if s.failure != why {
			continue
		}
		lines := strings.Split(e.Log, "\n")
		for i := len(lines) - 1; i >= 0; i-- {
			if s.sign.MatchString(lines[i]) {
				return strings.TrimSpace(lines[i])
			}
		}
	}
	return e.Log
}

func quote(said string) string {
	if said == "" {
		return "."
	}
	return ". What it says:\n" + said
}

// hide takes secrets out of a text.
func hide(text string, secrets []string) string {
	for _, secret := range secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "(sensitive)")
		}
	}
	return text
}
