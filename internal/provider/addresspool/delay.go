package addresspool

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

const (
	// defaultDelay is how long an address rests unless the configuration says
	// otherwise. A record without a delay means the same.
	defaultDelay = "5m"
	longestDelay = 24 * time.Hour
)

// parseDelay reads a delay of whole seconds, which is what a record keeps.
func parseDelay(s string) (time.Duration, bool) {
	d, err := time.ParseDuration(s)
	return d, err == nil && d >= 0 && d <= longestDelay && d%time.Second == 0
}

// recordedDelay is what the record of a pool says; nil for the default, so that
// an ordinary record stays short.
func recordedDelay(v types.String) *int {
	d, ok := parseDelay(v.ValueString())
	if standard, _ := parseDelay(defaultDelay); !ok || d == standard {
		return nil
	}
	seconds := int(d / time.Second)
	return &seconds
}

// spelledDelay is a delay as the configuration spells it, where that is known.
func spelledDelay(prior types.String, d time.Duration) types.String {
	if had, ok := parseDelay(prior.ValueString()); ok && had == d {
		return prior
	}
	text := d.String()
	for _, zeros := range []string{"0s", "0m"} {
		// 10m0s ends in zeros that say nothing, and 10s in some that do.
		brief := strings.TrimSuffix(text, zeros)
		if same, err := time.ParseDuration(brief); err == nil && same == d {
			text = brief
		}
	}
	return types.StringValue(text)
}

// delayForm validates a delay.
type delayForm struct{}

var _ validator.String = delayForm{}

func (delayForm) Description(context.Context) string {
	return "must be a duration of whole seconds from 0s to 24h, such as 5m"
}

func (v delayForm) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (v delayForm) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if _, ok := parseDelay(req.ConfigValue.ValueString()); !ok {
		resp.Diagnostics.AddAttributeError(req.Path, "Not a duration",
			fmt.Sprintf("%q %s.", req.ConfigValue.ValueString(), v.Description(ctx)))
	}
}

// sameDelay keeps the state's spelling of a delay that is the same, so that 300s
// in a configuration changes nothing of a pool that was imported with 5m.
type sameDelay struct{}

var _ planmodifier.String = sameDelay{}

func (sameDelay) Description(context.Context) string {
	return "Another spelling of the same duration is no change."
}

func (m sameDelay) MarkdownDescription(ctx context.Context) string { return m.Description(ctx) }

func (sameDelay) PlanModifyString(_ context.Context, req planmodifier.StringRequest, resp *planmodifier.StringResponse) {
	was, ok := parseDelay(req.StateValue.ValueString())
	is, ok2 := parseDelay(req.PlanValue.ValueString())
	if ok && ok2 && was == is {
		resp.PlanValue = req.StateValue
	}
}
