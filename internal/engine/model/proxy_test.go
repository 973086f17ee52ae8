package model_test

import (
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// TestRecordedProxyHasNoSecret says of each proxy what a record keeps of it and what it
// leaves out.
func TestRecordedProxyHasNoSecret(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a.example.com,", 200)
	for name, c := range map[string]struct {
		proxy *model.Proxy
		want  *record.Proxy
	}{
		"none":  {nil, nil},
		"empty": {&model.Proxy{}, nil},
		"bare": {
			&model.Proxy{HTTP: "http://p:3128", HTTPS: "http://q:3128/", NoProxy: ".example.com"},
			&record.Proxy{HTTP: "http://p:3128", HTTPS: "http://q:3128/", NoProxy: ".example.com"},
		},
		"password": {
			&model.Proxy{HTTP: "http://p:3128", HTTPS: "http://u:hunter%402@q:3128"},
			&record.Proxy{HTTP: "http://p:3128", HTTPS: "http://q:3128", Omits: []string{record.ProxyCredentials}},
		},
		"user alone": {
			&model.Proxy{HTTP: "http://u@p:3128", HTTPS: "http://u@p:3128"},
			&record.Proxy{HTTP: "http://p:3128", HTTPS: "http://p:3128", Omits: []string{record.ProxyCredentials}},
		},
		"certificate alone": {&model.Proxy{CACertificate: "PEM"}, &record.Proxy{Omits: []string{record.ProxyCertificate}}},
		"many exceptions, no URL": {
			&model.Proxy{HTTP: "http://u:hunter2@p:x", HTTPS: "http://q", NoProxy: long},
			&record.Proxy{HTTPS: "http://q", Omits: []string{record.ProxyCredentials, record.ProxyExceptions}},
		},
	} {
		got := c.proxy.Recorded()
		if !got.Equal(c.want) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
