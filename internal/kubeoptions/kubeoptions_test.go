package kubeoptions_test

import (
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/kubeoptions"
)

func TestFlags(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		component        kubeoptions.Component
		minor            int
		flag, value      string
		problem, warning string // parts; empty: none
	}{
		"known":                {kubeoptions.APIServer, 37, "max-requests-inflight", "800", "", ""},
		"of another component": {kubeoptions.Scheduler, 37, "max-requests-inflight", "800", "has no flag of kube-scheduler", ""},
		"misspelled":           {kubeoptions.APIServer, 36, "max-request-inflight", "800", `there is "max-requests-inflight"`, ""},
		"underscores":          {kubeoptions.APIServer, 36, "max_requests_inflight", "800", `"max-requests-inflight"`, ""},
		"gone": {
			kubeoptions.ControllerManager, 37, "concurrent-service-syncs", "2",
			"it is one of 1.31, 1.32, 1.33, 1.34, 1.35, 1.36", "",
		},
		"not yet":                  {kubeoptions.ControllerManager, 34, "controller-shutdown-timeout", "5s", "it is one of 1.35, 1.36, 1.37", ""},
		"of the oldest version":    {kubeoptions.APIServer, 31, "max-requests-inflight", "800", "", ""},
		"not in the oldest":        {kubeoptions.APIServer, 31, "some-flag", "1", "Kubernetes 1.31 has no flag", ""},
		"of the first that has it": {kubeoptions.ControllerManager, 35, "controller-shutdown-timeout", "5s", "", ""},
		"in a newer one":           {kubeoptions.ControllerManager, 38, "controller-shutdown-timeout", "5s", "", ""},
		"not in a newer one":       {kubeoptions.APIServer, 38, "some-flag", "1", "", "it is not known whether Kubernetes 1.38"},
		"deprecated":               {kubeoptions.APIServer, 36, "enable-logs-handler", "true", "", "deprecated"},
		"deprecated no more":       {kubeoptions.APIServer, 37, "enable-logs-handler", "true", "", ""},
		"in the configuration":     {kubeoptions.Kubelet, 37, "max-pods", "60", "", "deprecated"},
		"not a number":             {kubeoptions.APIServer, 37, "max-requests-inflight", "many", "a whole number", ""},
		"not a boolean":            {kubeoptions.APIServer, 37, "profiling", "no", "true or false", ""},
		"not a duration":           {kubeoptions.APIServer, 37, "request-timeout", "90", "a duration", ""},
		"not an address":           {kubeoptions.Scheduler, 37, "bind-address", "localhost", "an IP address", ""},
		"gates": {
			kubeoptions.APIServer, 37, "feature-gates", "AllBeta=true, kube:APIServerIdentity=False,wardle:Other=true", "", "",
		},
		"a gate that is nearly one": {
			kubeoptions.Scheduler, 37, "feature-gates", "AllBeta=true,APIServerIdentiy=true", "", `there is "APIServerIdentity"`,
		},
		"a gate that no version lists": {kubeoptions.Kubelet, 37, "feature-gates", "SomeGate=true", "", "it is not known whether"},
		"a gate that comes later": {
			kubeoptions.APIServer, 36, "feature-gates", "APIServerWebhookAuthenticationToken=true", "has no feature gate", "",
		},
		"a gate of the newest, and newer": {
			kubeoptions.APIServer, 38, "feature-gates", "APIServerWebhookAuthenticationToken=true", "", "",
		},
		"a gate that is always on": {kubeoptions.APIServer, 34, "feature-gates", "APIServerTracing=true", "", "any more"},
		"plug-ins":                 {kubeoptions.APIServer, 37, "enable-admission-plugins", "NodeRestriction, AlwaysPullImages", "", ""},
		"a plug-in that is none": {
			kubeoptions.APIServer, 37, "enable-admission-plugins", "NodeRestriction,AlwaysPullImage", `there is "AlwaysPullImages"`, "",
		},
		"a plug-in that is gone": {
			kubeoptions.APIServer, 37, "disable-admission-plugins", "PodSecurityPolicy", "has no admission plug-in", "",
		},
		"a plug-in of a newer one": {kubeoptions.APIServer, 38, "enable-admission-plugins", "Some", "", "it is not known whether"},
		"gates in another form":    {kubeoptions.APIServer, 37, "feature-gates", "A:true", "feature gates are written", ""},
		"gates that are neither":   {kubeoptions.APIServer, 37, "feature-gates", "A=yes", "feature gates are written", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := kubeoptions.CheckFlag(c.component, c.minor, c.flag, c.value)
			compare(t, "problem", got.Problem, c.problem)
			compare(t, "warning", got.Warning, c.warning)
		})
	}
}

// TestTablesHaveEveryVersion refuses what does not exist, and nothing else, of each version since
// the oldest.
func TestTablesHaveEveryVersion(t *testing.T) {
	t.Parallel()
	for minor := 31; minor <= 37; minor++ {
		if v := kubeoptions.CheckFlag(kubeoptions.APIServer, minor, "feature-gates", "AllBeta=true"); v != (kubeoptions.Verdict{}) {
			t.Errorf("feature gates of 1.%d: %+v", minor, v)
		}
		for name, known := range map[string]bool{"NodeRestriction": true, "NoSuchPlugin": false} {
			if v := kubeoptions.CheckFlag(kubeoptions.APIServer, minor, "enable-admission-plugins", name); (v.Problem == "") != known {
				t.Errorf("the admission plug-in %s of 1.%d: %+v", name, minor, v)
			}
		}
		for _, component := range []kubeoptions.Component{
			kubeoptions.APIServer, kubeoptions.ControllerManager, kubeoptions.Scheduler, kubeoptions.Kubelet,
		} {
			if kubeoptions.CheckFlag(component, minor, "no-such-flag", "1").Problem == "" ||
				kubeoptions.CheckFlag(component, minor, "feature-gates", "AllAlpha=false").Problem != "" {
				t.Errorf("it is not known what %s of 1.%d has", component, minor)
			}
		}
		if kubeoptions.CheckKubeletField(minor, "noSuchField", "1").Problem == "" ||
			kubeoptions.CheckKubeletField(minor, "maxPods", 60.0).Problem != "" {
			t.Errorf("it is not known what kubelet's configuration of 1.%d has", minor)
		}
	}
}

func TestKubeletFields(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		minor            int
		field            string
		value            any
		problem, warning string
	}{
		"known":           {37, "maxPods", 60.0, "", ""},
		"misspelled":      {37, "maxPod", 60.0, `there is "maxPods"`, ""},
		"not yet":         {34, "tlsCurvePreferences", []any{}, "it is one of 1.36, 1.37", ""},
		"newer":           {38, "someField", true, "", "it is not known whether"},
		"text":            {37, "maxPods", "60", "a whole number", ""},
		"fraction":        {37, "maxPods", 1.5, "a whole number", ""},
		"negative":        {37, "maxPods", -1.0, "not negative", ""},
		"duration":        {37, "shutdownGracePeriod", "30s", "", ""},
		"number of ticks": {37, "shutdownGracePeriod", 30.0, "a duration", ""},
		"reserved":        {37, "systemReserved", map[string]any{"cpu": "500m", "memory": "1Gi"}, "", ""},
		"no quantity":     {37, "systemReserved", map[string]any{"cpu": "half"}, "a quantity", ""},
		"no text":         {37, "kubeReserved", map[string]any{"cpu": 1.0}, "a quantity", ""},
		"eviction":        {37, "evictionHard", map[string]any{"memory.available": "5%", "nodefs.available": "1Gi"}, "", ""},
		"no eviction":     {37, "evictionHard", map[string]any{"memory.available": "105%"}, "a percentage", ""},
		"threshold":       {37, "imageGCHighThresholdPercent", 101.0, "a percentage", ""},
		"gate":            {37, "featureGates", map[string]any{"A": "true"}, "neither true nor false", ""},
		"gates":           {37, "featureGates", map[string]any{"AllBeta": true}, "", ""},
		"misspelled gate": {37, "featureGates", map[string]any{"AllBeta": true, "APIServerIdentiy": true}, "", `there is "APIServerIdentity"`},
		"later gate":      {36, "featureGates", map[string]any{"APIServerWebhookAuthenticationToken": true}, "has no feature gate", ""},
		"object":          {37, "logging", map[string]any{"format": "json"}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := kubeoptions.CheckKubeletField(c.minor, c.field, c.value)
			compare(t, "problem", got.Problem, c.problem)
			compare(t, "warning", got.Warning, c.warning)
		})
	}
}

func compare(t *testing.T, what, got, part string) {
	t.Helper()
	if (got == "") != (part == "") || !strings.Contains(got, part) {
		t.Errorf("the %s is %q, want %q in it", what, got, part)
	}
}
