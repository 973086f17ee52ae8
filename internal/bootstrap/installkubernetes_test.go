package bootstrap_test

import (
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
)

func TestPackageRepositories(t *testing.T) {
	t.Parallel()
	for url, says := range map[string]string{
		"":                           "",
		"https://mirror.example.com": "",
		"https://mirror.example.com/k8s/core:/stable:/v1.37": "",
		"https://[fd00::9]:8443/k8s":                         "",
		"https://mirror.example.com/v1.3/k8s":                "that of Kubernetes 1.3, and 1.37.2 is to be installed",
		"https://mirror.example.com/core:/stable:/v1.36":     "that of Kubernetes 1.36, and 1.37.2 is to be installed",
		"http://mirror.example.com/k8s":                      "not a URL of https",
		"https://me:secret@mirror.example.com/k8s":           "a user or a password",
		"https://mirror.example.com/k8s?x":                   "a query or a fragment",
		"https://mirror.example.com/k8s/":                    "a slash at its end",
		"https://mirror.example.com/k8s/../x":                ". or ..",
		"https://mirror.example.com/k8s/deb":                 "the URL of the folder deb",
		"https://mirror.example.com/a b":                     "not a URL such as",
		"https://mirror.example.com/a]\nb":                   "not a URL such as",
		"https://mirror.example.com/$releasever":             "not a URL such as",
		"https://Mirror.example.com":                         "not a URL such as",
		"mirror.example.com":                                 "not a URL such as",
	} {
		err := bootstrap.Packages{Version: "1.37.2", Repository: url}.Check()
		if (err == nil) != (says == "") || err != nil && (!strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%q: %v", url, err)
		}
	}
	for version, says := range map[string]string{
		"1.30.1": "1.31 or newer", "1.37": "not a version such as", "latest": "not a version such as",
		"1.38.0-rc.1": "not a version such as",
	} {
		if err := (bootstrap.Packages{Version: version}).Check(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", version, err)
		}
	}
	if got := bootstrap.DefaultPackageRepository("1.37.2"); got != "https://pkgs.k8s.io/core:/stable:/v1.37" {
		t.Errorf("the default is %s", got)
	}
	builder := newBuilder(t, "true")
	builder.Packages = &bootstrap.Packages{Version: "1.37.2", Repository: "http://mirror.example.com"}
	if faults := bootstrap.CheckBuilder(builder); len(faults) != 1 || faults[0].Field != "Packages" {
		t.Errorf("the faults are %v", faults)
	}
}
