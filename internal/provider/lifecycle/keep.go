package lifecycle

import (
	"encoding/json"
	"fmt"
	"math/big"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// KeepConfig is the key under which a cluster keeps its configuration in the
// Secret gantry-cluster, so that import knows what no API tells.
const KeepConfig = "configuration"

// Keep renders a resource's values as JSON, without the top-level attributes
// named and with null for every attribute of a secret name, at any depth.
func Keep(value tftypes.Value, leaveOut, secret map[string]bool) ([]byte, error) {
	var top map[string]tftypes.Value
	if err := value.As(&top); err != nil {
		return nil, err
	}
	out := map[string]any{}
	for name, v := range top {
		if leaveOut[name] || secret[name] {
			out[name] = nil
			continue
		}
		plain, err := plain(v, secret)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out[name] = plain
	}
	return json.Marshal(out)
}

// Unkeep reads the JSON of Keep back as a value of the resource's type.
func Unkeep(raw []byte, typ tftypes.Type) (tftypes.Value, error) {
	state := tfprotov6.RawState{JSON: raw}
	return state.UnmarshalWithOpts(typ, tfprotov6.UnmarshalOpts{
		ValueFromJSONOpts: tftypes.ValueFromJSONOpts{IgnoreUndefinedAttributes: true},
	})
}

func plain(v tftypes.Value, secret map[string]bool) (any, error) {
	if v.IsNull() || !v.IsKnown() {
		return nil, nil
	}
	switch typ := v.Type(); {
	case typ.Is(tftypes.String):
		var s string
		err := v.As(&s)
		return s, err
	case typ.Is(tftypes.Bool):
		var b bool
		err := v.As(&b)
		return b, err
	case typ.Is(tftypes.Number):
		n := new(big.Float)
		if err := v.As(&n); err != nil {
			return nil, err
		}
		return json.Number(n.Text('g', -1)), nil
	case typ.Is(tftypes.Object{}) || typ.Is(tftypes.Map{}):
		var m map[string]tftypes.Value
		if err := v.As(&m); err != nil {
			return nil, err
		}
		out := map[string]any{}
		for k, x := range m {
			if typ.Is(tftypes.Object{}) && secret[k] {
				out[k] = nil
				continue
			}
			p, err := plain(x, secret)
			if err != nil {
				return nil, err
			}
			out[k] = p
		}
		return out, nil
	default:
		var l []tftypes.Value
		if err := v.As(&l); err != nil {
			return nil, err
		}
		out := make([]any, len(l))
		for i, x := range l {
			p, err := plain(x, secret)
			if err != nil {
				return nil, err
			}
			out[i] = p
		}
		return out, nil
	}
}
