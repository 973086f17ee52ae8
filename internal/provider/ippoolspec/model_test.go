package ippoolspec_test

import (
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/types"
	"pgregory.net/rapid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/ippoolspec"
)

// body is a record with a delay of some seconds.
func body(seconds int) record.IPPool {
	return record.IPPool{
		Name:              "nodes",
		Start:             "10.10.183.1",
		End:               "10.10.183.9",
		PrefixLength:      18,
		DefaultGateway:    "10.10.128.1",
		ReuseDelaySeconds: &seconds,
	}
}

func TestDelayIsSpelledBriefly(t *testing.T) {
	t.Parallel()
	for seconds, want := range map[int]string{
		0: "0s", 1: "1s", 10: "10s", 60: "1m", 90: "1m30s", 300: "5m", 600: "10m",
		3600: "1h", 3610: "1h0m10s", 4200: "1h10m", 36000: "10h", 86400: "24h",
	} {
		var m ippoolspec.Model
		if diags := m.SetRecord(t.Context(), body(seconds)); diags.HasError() {
			t.Fatal(diags)
		}
		if got := m.ReuseDelay.ValueString(); got != want {
			t.Errorf("%d s are spelled %q, want %q", seconds, got, want)
		}
	}
}

// TestDelayKeepsItsSpelling shows that a refresh does not respell what a user
// has written, unless it has become another delay.
func TestDelayKeepsItsSpelling(t *testing.T) {
	t.Parallel()
	for prior, want := range map[string]string{"600s": "600s", "0h10m": "0h10m", "300s": "10m", "": "10m"} {
		m := ippoolspec.Model{ReuseDelay: types.StringValue(prior)}
		if diags := m.SetRecord(t.Context(), body(600)); diags.HasError() {
			t.Fatal(diags)
		}
		if got := m.ReuseDelay.ValueString(); got != want {
			t.Errorf("600 s after %q are spelled %q, want %q", prior, got, want)
		}
	}
}

// TestDelaySurvivesTheRecord goes to a model and back.
func TestDelaySurvivesTheRecord(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		seconds := rapid.IntRange(0, 86400).Draw(rt, "seconds")
		var m ippoolspec.Model
		diags := m.SetRecord(t.Context(), body(seconds))
		again, d := m.Record(t.Context(), "nodes")
		diags.Append(d...)
		if diags.HasError() {
			rt.Fatal(diags)
		}
		if again.ReuseDelay() != time.Duration(seconds)*time.Second {
			rt.Fatalf("%d s come back as %s, spelled %s", seconds, again.ReuseDelay(), m.ReuseDelay)
		}
		if standard := again.ReuseDelay() == record.DefaultReuseDelay; standard != (again.ReuseDelaySeconds == nil) {
			rt.Fatalf("the record of %d s says %v: the default alone is left out", seconds, again.ReuseDelaySeconds)
		}
	})
}
