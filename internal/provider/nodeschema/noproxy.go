package nodeschema

import (
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// noProxy validates a list of what is reached without the proxy, as containerd and
// other programs in Go read it (golang.org/x/net/http/httpproxy). What they would pass
// over without a word is refused.
type noProxy struct{}

var _ validator.String = noProxy{}

// Description implements validator.Describer.
func (noProxy) Description(context.Context) string {
	return "must be names, domains, addresses and networks with commas between them, such as registry.example.com,.corp.example.com,10.0.0.0/8"
}

// MarkdownDescription implements validator.Describer.
func (v noProxy) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateString implements validator.String.
func (v noProxy) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.ValueString() == "" {
		return
	}
	for i, entry := range strings.Split(req.ConfigValue.ValueString(), ",") {
		if wrong := noProxyProblem(entry); wrong != "" {
			resp.Diagnostics.Append(diagnostics.AttributeError(req.Path, "Invalid no_proxy", fmt.Sprintf(
				"Entry %d %s. The value %s.", i+1, wrong, v.Description(ctx))))
			return
		}
	}
}

// hostForm is a host name or a domain; a dot before it is the domain without itself.
var hostForm = regexp.MustCompile(`^\.?[A-Za-z0-9_]([-A-Za-z0-9_]*[A-Za-z0-9])?(\.[A-Za-z0-9_]([-A-Za-z0-9_]*[A-Za-z0-9])?)*$`)

// noProxyProblem says what is wrong with one entry, without repeating it: it may be the
// URL of a proxy, with its password. Empty for nothing.
func noProxyProblem(entry string) string {
	switch {
	case entry == "":
		return "is empty: there is a comma too many"
	case strings.Contains(entry, "://") || strings.Contains(entry, "@"):
		return "is a URL. Give the host alone"
	case strings.ContainsAny(entry, " \t\r\n"):
		return "contains a blank or line end, which many programs take for a part of the name. Use commas alone"
	case entry == "*":
		return "is * and excludes everything. Leave the proxy out where it is not used"
	}
	if strings.Contains(entry, "/") {
		if _, err := netip.ParsePrefix(entry); err != nil {
			return "is no network in CIDR form"
		}
		return ""
	}
	if addr, err := netip.ParseAddr(entry); err == nil {
		if addr.Zone() != "" {
			return "carries a zone, which nothing matches. Leave it out"
		}
		return ""
	}
	if _, err := netip.ParseAddrPort(entry); err == nil {
		return ""
	}
	return hostProblem(entry)
}

// hostProblem says what is wrong with an entry that is no address and no network.
func hostProblem(entry string) string {
	host, port, hasPort := strings.Cut(entry, ":")
	if n, err := strconv.Atoi(port); hasPort && (err != nil || n < 1 || n > 65535) {
		return "is neither an address of IPv6, without brackets, nor a host with a port"
	}
	if strings.HasPrefix(host, "*.") {
		host = host[1:] // it means the same
	}
	switch {
	case strings.Contains(host, "*"):
		return "has a wildcard, which only the beginning of a domain can be. " +
			"Write a domain as .example.com and a range of addresses as a network"
	case strings.HasSuffix(host, "."):
		return "ends in a dot, and names are compared without one. Leave it out"
	case !hostForm.MatchString(host):
		return "is no name, address or network"
	case numbers.MatchString(host):
		return "is not a whole address. Write a range of addresses as a network"
	}
	return ""
}

// numbers is what only looks like an address of IPv4, such as 10.0.
var numbers = regexp.MustCompile(`^[0-9.]+$`)
