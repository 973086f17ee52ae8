package agent_test

import (
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/agent"
)

// Lines as an agent may log them. The frame of responded is that of a refused registration;
// that of failedTo does not matter, since only Go's words behind it are looked at.
const (
	started   = "2026-03-26T15:29:45.977Z [INFO]  core: Starting: version=1.28.7\n"
	register  = `Post "https://app.terraform.io/api/agent/register": `
	responded = "[ERROR] core: Unexpected HTTP response code: method=POST url=https://app.terraform.io/api/agent/register status="
	failedTo  = "[ERROR] core: Failed to register agent: error="
)

func TestWhyAnAgentDoesNotRegister(t *testing.T) {
	t.Parallel()
	for log, want := range map[string]agent.Failure{
		responded + "401": agent.CodeRefused,
		responded + "403": agent.CodeRefused,
		responded + "404": agent.WrongEndpoint,
		responded + "302": agent.WrongEndpoint,
		responded + "405": agent.WrongEndpoint,
		responded + "407": agent.ProxyRefuses,
		responded + "500": agent.Unknown,
		responded + "503": agent.Unknown,
		failedTo + register + "dial tcp: lookup app.terraform.io on 10.0.0.53:53: no such host":            agent.NoWayOut,
		failedTo + register + "dial tcp 75.2.98.97:443: i/o timeout":                                       agent.NoWayOut,
		failedTo + register + "dial tcp 75.2.98.97:443: connect: connection refused":                       agent.NoWayOut,
		failedTo + register + "dial tcp 75.2.98.97:443: connect: network is unreachable":                   agent.NoWayOut,
		failedTo + register + "context deadline exceeded (Client.Timeout exceeded while awaiting headers)": agent.NoWayOut,
		failedTo + register + "net/http: TLS handshake timeout":                                            agent.NoWayOut,
		failedTo + register + "read tcp 10.0.0.7:41828->75.2.98.97:443: read: connection reset by peer":    agent.NoWayOut,
		failedTo + register + "EOF":                           agent.NoWayOut,
		failedTo + register + "Proxy Authentication Required": agent.ProxyRefuses,
		failedTo + register + "Forbidden":                     agent.ProxyRefuses,
		failedTo + register + "proxyconnect tcp: dial tcp 10.0.0.9:3128: connect: connection refused":                    agent.ProxyRefuses,
		failedTo + register + "proxyconnect tcp: dial tcp: lookup proxy.example.com: no such host":                       agent.ProxyRefuses,
		failedTo + register + "tls: failed to verify certificate: x509: certificate signed by unknown authority":         agent.Untrusted,
		failedTo + register + "x509: certificate is valid for a.example.com, not app.terraform.io":                       agent.Untrusted,
		failedTo + register + "http: server gave HTTP response to HTTPS client":                                          agent.WrongEndpoint,
		failedTo + "invalid character '<' looking for beginning of value":                                                agent.WrongEndpoint,
		failedTo + register + "tls: first record does not look like a TLS handshake":                                     agent.WrongEndpoint,
		"panic: runtime error: index out of range [1] with length 1":                                                     agent.Unknown,
		"2026-03-26T15:29:46.871Z [INFO]  core: Agent registered successfully with HCP Terraform: agent.id=agent-401403": agent.Unknown,
	} {
		if got := (agent.End{ExitCode: 1, Log: started + log + "\n"}).Why(); got != want {
			t.Errorf("%s: %d, want %d", log, got, want)
		}
	}
	for reason, want := range map[string]agent.Failure{
		"ImagePullBackOff": agent.NoImage, "ErrImagePull": agent.NoImage, "InvalidImageName": agent.NoImage,
		"Unschedulable": agent.NoRoom, "CreateContainerConfigError": agent.Unknown,
	} {
		if got := (agent.End{Waiting: reason}).Why(); got != want {
			t.Errorf("%s: %d, want %d", reason, got, want)
		}
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	proxy := agent.End{Log: started + failedTo + `Post "https://app.terraform.io": proxyconnect tcp: parse "http://u:hunter2@p": x` +
		"\nlast line"}
	for name, c := range map[string]struct {
		ends []agent.End
		want []string
	}{
		"nothing known": {nil, []string{"nothing says why", "registration_timeout", "logs deployment/gantry-agent"}},
		"the code":      {[]agent.End{{Log: responded + "401"}}, []string{"refuses the pairing code", "pairing_code_wo", "status=401"}},
		// What is known of one pod says more than that another one just ended.
		"of several pods": {[]agent.End{{ExitCode: 1}, {Log: responded + "404"}}, []string{"no console with agents", "status=404"}},
		"the whole tail":  {[]agent.End{{ExitCode: 137, Log: "one\ntwo"}}, []string{"code 137", "one\ntwo"}},
		"no secret":       {[]agent.End{proxy}, []string{"user and password in proxy", "http://u:(sensitive)@p"}},
		"the image": {
			[]agent.End{{Waiting: "ErrImagePull", Message: "not found"}},
			[]string{"image cannot be pulled", "agent_image", "not found"},
		},
		"no room": {[]agent.End{{Waiting: "Unschedulable", Message: "0/1 nodes"}}, []string{"No node takes the agent", "0/1 nodes"}},
	} {
		got := agent.Explain(c.ends, []string{"hunter2", ""})
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q is not in %q", name, want, got)
			}
		}
		if strings.Contains(got, "hunter2") || name == "no secret" && strings.Contains(got, "last line") {
			t.Errorf("%s: %q", name, got)
		}
	}
}
