package provider

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/eventlog"
)

// model is the values of the provider block.
type model struct {
	VCenterServer         types.String    `tfsdk:"vcenter_server"`
	Username              types.String    `tfsdk:"username"`
	Password              types.String    `tfsdk:"password"`
	CACertificate         types.String    `tfsdk:"ca_certificate"`
	InsecureSkipVerify    types.Bool      `tfsdk:"insecure_skip_verify"`
	ClusterProxyURL       types.String    `tfsdk:"cluster_proxy_url"`
	MaxParallelOperations attribute.Int64 `tfsdk:"max_parallel_operations"`
	MaxClaims             attribute.Int64 `tfsdk:"max_claims"`
	EventLog              types.String    `tfsdk:"event_log"`
	ChartHosts            types.Map       `tfsdk:"chart_hosts"`
}

// validate refuses what the configuration alone shows to be wrong.
func (m *model) validate() diag.Diagnostics {
	var diags diag.Diagnostics
	if m.InsecureSkipVerify.ValueBool() && isSet(m.CACertificate) {
		diags.AddAttributeError(path.Root("insecure_skip_verify"), "Conflicting attributes",
			"With insecure_skip_verify = true nothing is verified against ca_certificate. Keep one of the two.")
	}
	if v := m.VCenterServer.ValueString(); v != "" {
		if _, err := connection.ParseServer(v); err != nil {
			diags.AddAttributeError(path.Root("vcenter_server"), "Invalid vCenter server", sentence(err))
		}
	}
	if v := m.ClusterProxyURL.ValueString(); v != "" {
		if err := connection.CheckProxyURL(v); err != nil {
			diags.AddAttributeError(path.Root("cluster_proxy_url"), "Invalid proxy URL", sentence(err))
		}
	}
	return diags
}

// settings fills in what is missing from the environment. It is not known
// while any attribute is unknown, as in a plan in which vCenter's own address
// is still to be computed.
func (m *model) settings(getenv func(string) string) (s connection.Settings, known bool, diags diag.Diagnostics) {
	diags = m.validate()
	known = !anyUnknown(m.VCenterServer, m.Username, m.Password, m.CACertificate, m.InsecureSkipVerify,
		m.ClusterProxyURL, m.MaxParallelOperations, m.MaxClaims, m.EventLog, m.ChartHosts)

	required := func(v types.String, name, env string) string {
		if !v.IsNull() {
			return v.ValueString()
		}
		value := getenv(env)
		if value == "" {
			diags.AddAttributeError(path.Root(name), "Missing provider configuration",
				fmt.Sprintf("The attribute %s is not set, nor is the environment variable %s. Set one of them.", name, env))
		}
		return value
	}
	server := required(m.VCenterServer, "vcenter_server", envServer)
	s.Username = required(m.Username, "username", envUsername)
	s.Password = required(m.Password, "password", envPassword)
	if diags.HasError() || !known {
		return s, known, diags
	}

	var err error
	if s.Server, err = connection.ParseServer(server); err != nil {
		diags.AddAttributeError(path.Root("vcenter_server"), "Invalid vCenter server", fromEnv(envServer, err))
	}
	m.verification(&s, getenv, &diags)

	s.ClusterProxyURL = m.ClusterProxyURL.ValueString()
	if m.ClusterProxyURL.IsNull() {
		s.ClusterProxyURL = getenv(envProxy)
	}
	if s.ClusterProxyURL != "" {
		if err := connection.CheckProxyURL(s.ClusterProxyURL); err != nil {
			diags.AddAttributeError(path.Root("cluster_proxy_url"), "Invalid proxy URL", fromEnv(envProxy, err))
		}
	}

	s.MaxParallel = defaultMaxParallel
	if !m.MaxParallelOperations.IsNull() {
		s.MaxParallel = int(m.MaxParallelOperations.ValueInt64())
	}
	s.MaxClaims = ledger.DefaultMaxClaims
	if !m.MaxClaims.IsNull() {
		s.MaxClaims = int(m.MaxClaims.ValueInt64())
	}
	s.ChartHosts = m.chartHosts()
	m.eventLog(&s, getenv, &diags)
	return s, known, diags
}

// eventLog decides which file events are written to, and refuses one that cannot be.
func (m *model) eventLog(s *connection.Settings, getenv func(string) string, diags *diag.Diagnostics) {
	s.EventLog = m.EventLog.ValueString()
	if m.EventLog.IsNull() {
		s.EventLog = getenv(envEventLog)
	}
	if s.EventLog == "" {
		return
	}
	if err := eventlog.Check(s.EventLog); err != nil {
		from := "event_log"
		if m.EventLog.IsNull() {
			from = "the environment variable " + envEventLog
		}
		diags.AddAttributeError(path.Root("event_log"), "Unable to write the event log",
			fmt.Sprintf("Events cannot be written to the file that %s names: %s. "+
				"Choose a file in a directory that exists and may be written to.", from, err))
	}
}

// verification decides how vCenter's certificate is verified. What the
// configuration says takes precedence over the environment; where the environment
// says both, the certificate authority wins, because it is the stricter.
func (m *model) verification(s *connection.Settings, getenv func(string) string, diags *diag.Diagnostics) {
	s.CACertificate = m.CACertificate.ValueString()
	s.Insecure = m.InsecureSkipVerify.ValueBool()
	if s.CACertificate != "" || s.Insecure {
		return
	}
	if v := getenv(envCA); v != "" {
		bundle, err := connection.ReadCACertificate(v)
		if err != nil {
			diags.AddAttributeError(path.Root("ca_certificate"), "Invalid CA certificate", fromEnv(envCA, err))
		}
		if expired := bundle.Expired(time.Now()); len(expired) > 0 {
			diags.AddAttributeWarning(path.Root("ca_certificate"), "CA certificate expired", fmt.Sprintf(
				"Of the certificates that the environment variable %s names, these have expired: %s.", envCA, strings.Join(expired, ", ")))
		}
		s.CACertificate = bundle.PEM()
		return
	}
	if v := getenv(envInsecure); v != "" && m.InsecureSkipVerify.IsNull() {
		insecure, err := strconv.ParseBool(v)
		if err != nil {
			diags.AddAttributeError(path.Root("insecure_skip_verify"), "Invalid boolean value",
				fmt.Sprintf("The environment variable %s is neither true nor false.", envInsecure))
		}
		s.Insecure = insecure
	}
}

func isSet(v attr.Value) bool { return !v.IsNull() && !v.IsUnknown() }

func anyUnknown(values ...attr.Value) bool {
	for _, v := range values {
		if v.IsUnknown() {
			return true
		}
	}
	return false
}

// fromEnv says that a wrong value comes from the environment; a wrong value of the
// configuration was reported before the environment was read.
func fromEnv(name string, err error) string {
	return fmt.Sprintf("The value of the environment variable %s is invalid: %s.", name, err)
}

func sentence(err error) string {
	return "The value is invalid: " + err.Error() + "."
}
