package ippoolspec

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

const (
	// defaultReuseDelay is record.DefaultReuseDelay. A record without a delay means
	// the same.
	defaultReuseDelay = "5m"
	maxReuseDelay     = 24 * time.Hour
)

// parseReuseDelay reads a delay of whole seconds, which is what a record keeps.
func parseReuseDelay(s string) (time.Duration, bool) {
	d, err := time.ParseDuration(s)
	return d, err == nil && d >= 0 && d <= maxReuseDelay && d%time.Second == 0
}

// recordedReuseDelay is what the record of a pool says; nil for the default, so that
// an ordinary record stays short.
func recordedReuseDelay(v types.String) *int {
	d, ok := parseReuseDelay(v.ValueString())
	if standard, _ := parseReuseDelay(defaultReuseDelay); !ok || d == standard {
		return nil
	}
	seconds := int(d / time.Second)
	return &seconds
}

// spelledReuseDelay is a delay as the configuration spells it, where that is known.
func spelledReuseDelay(prior types.String, d time.Duration) types.String {
	if had, ok := parseReuseDelay(prior.ValueString()); ok && had == d {
		return prior
	}
	text := d.String()
	for _, zeros := range []string{"0s", "0m"} {
		// 10m0s ends in zeros that mean nothing, and 10s in some that do.
		brief := strings.TrimSuffix(text, zeros)
		if same, err := time.ParseDuration(brief); err == nil && same == d {
			text = brief
		}
	}
	return types.StringValue(text)
}

// reuseDelayValidator validates a delay.
type reuseDelayValidator struct{}

var _ validator.String = reuseDelayValidator{}

func (reuseDelayValidator) Description(context.Context) string {
	return "must be a duration of whole seconds from 0s to 24h, such as 5m"
}

func (v reuseDelayValidator) MarkdownDescription(ctx context.Context) string {
	return v.Description(ctx)
}

func (v reuseDelayValidator) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if _, ok := parseReuseDelay(req.ConfigValue.ValueString()); !ok {
		resp.Diagnostics.Append(diagnostics.AttributeError(req.Path, "Invalid duration",
			fmt.Sprintf("%q %s.", req.ConfigValue.ValueString(), v.Description(ctx))))
	}
}

// sameReuseDelay keeps the state's spelling of a delay that is the same, so that 300s
// in a configuration changes nothing of a pool that was imported with 5m.
type sameReuseDelay struct{}

var _ planmodifier.String = sameReuseDelay{}

func (sameReuseDelay) Description(context.Context) string {
	return "Another spelling of the same duration is no change."
}

func (m sameReuseDelay) MarkdownDescription(ctx context.Context) string { return m.Description(ctx) }

func (sameReuseDelay) PlanModifyString(_ context.Context, req planmodifier.StringRequest, resp *planmodifier.StringResponse) {
	was, ok := parseReuseDelay(req.StateValue.ValueString())
	is, ok2 := parseReuseDelay(req.PlanValue.ValueString())
	if ok && ok2 && was == is {
		resp.PlanValue = req.StateValue
	}
}
