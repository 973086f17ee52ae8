// Package importdata encodes a resource's values for import: a cluster holds them
// in a Secret of its own, since no API returns what only a configuration says.
package importdata

import (
	"encoding/json"
	"fmt"
	"math/big"

	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
)

// ConfigKey is the key of the Secret under which a cluster holds its
// configuration.
const ConfigKey = "configuration"

// EncodeConfig encodes a resource's values as JSON. What no user writes and what
// is secret is null, at any depth.
func EncodeConfig(attributes map[string]schema.Attribute, value tftypes.Value) ([]byte, error) {
	encoded, err := encodeObject(attributes, value)
	if err != nil {
		return nil, err
	}
	return json.Marshal(encoded)
}

// DecodeConfig decodes what EncodeConfig returned into a value of the resource's
// type. Attributes that the type does not have are left out.
func DecodeConfig(raw []byte, typ tftypes.Type) (tftypes.Value, error) {
	state := tfprotov6.RawState{JSON: raw}
	return state.UnmarshalWithOpts(typ, tfprotov6.UnmarshalOpts{
		ValueFromJSONOpts: tftypes.ValueFromJSONOpts{IgnoreUndefinedAttributes: true},
	})
}

// omitted reports whether an attribute is not kept.
func omitted(a schema.Attribute) bool {
	return attribute.ComputedOnly(a) || a.IsSensitive() || a.IsWriteOnly()
}

// encodeObject encodes an object of which the attributes are declared.
func encodeObject(attributes map[string]schema.Attribute, value tftypes.Value) (any, error) {
	if value.IsNull() || !value.IsKnown() {
		return nil, nil
	}
	var fields map[string]tftypes.Value
	if err := value.As(&fields); err != nil {
		return nil, err
	}

	out := make(map[string]any, len(fields))
	for name, field := range fields {
		a, declared := attributes[name]
		if !declared || omitted(a) {
			out[name] = nil
			continue
		}
		encoded, err := encodeAttribute(a, field)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out[name] = encoded
	}
	return out, nil
}

func encodeAttribute(a schema.Attribute, value tftypes.Value) (any, error) {
	inside, repeated := attribute.Inside(a)
	switch {
	case inside == nil:
		return encodeValue(value, encodeAny)
	case !repeated:
		return encodeObject(inside, value)
	}
	return encodeValue(value, func(element tftypes.Value) (any, error) { return encodeObject(inside, element) })
}

// encodeAny encodes a value that no attribute is declared in.
func encodeAny(value tftypes.Value) (any, error) { return encodeValue(value, encodeAny) }

// encodeValue encodes a value, and the elements of a collection with encode.
func encodeValue(value tftypes.Value, encode func(tftypes.Value) (any, error)) (any, error) {
	if value.IsNull() || !value.IsKnown() {
		return nil, nil
	}
	switch typ := value.Type(); {
	case typ.Is(tftypes.String):
		var s string
		err := value.As(&s)
		return s, err
	case typ.Is(tftypes.Bool):
		var b bool
		err := value.As(&b)
		return b, err
	case typ.Is(tftypes.Number):
		n := new(big.Float)
		if err := value.As(&n); err != nil {
			return nil, err
		}
		return json.Number(n.Text('g', -1)), nil
	case typ.Is(tftypes.Object{}) || typ.Is(tftypes.Map{}):
		return encodeMap(value, encode)
	}
	return encodeList(value, encode)
}

func encodeMap(value tftypes.Value, encode func(tftypes.Value) (any, error)) (any, error) {
	var elements map[string]tftypes.Value
	if err := value.As(&elements); err != nil {
		return nil, err
	}
	out := make(map[string]any, len(elements))
	for key, element := range elements {
		encoded, err := encode(element)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		out[key] = encoded
	}
	return out, nil
}

func encodeList(value tftypes.Value, encode func(tftypes.Value) (any, error)) (any, error) {
	var elements []tftypes.Value
	if err := value.As(&elements); err != nil {
		return nil, err
	}
	out := make([]any, len(elements))
	for i, element := range elements {
		encoded, err := encode(element)
		if err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
		out[i] = encoded
	}
	return out, nil
}
