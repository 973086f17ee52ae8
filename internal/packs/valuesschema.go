package packs

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"helm.sh/helm/v4/pkg/chart/common"
	chartv2 "helm.sh/helm/v4/pkg/chart/v2"
)

// validateValues checks values by the schemas of a chart and of those in it. Its error names
// where values do not fit, and what a schema wants there, never a value: it may be secret.
func validateValues(content *chartv2.Chart, values map[string]any) error {
	var errs []error
	if content.Schema != nil {
		if err := validateBy(content.Schema, values); err != nil {
			errs = append(errs, err)
		}
	}
	for _, dependency := range content.Dependencies() {
		inner, ok := asMap(values[dependency.Name()])
		if !ok {
			continue // nothing is set, or what is set is judged where it is used
		}
		if err := validateValues(dependency, inner); err != nil {
			errs = append(errs, fmt.Errorf("below %s, %w", dependency.Name(), err))
		}
	}
	return errors.Join(errs...)
}

func asMap(value any) (map[string]any, bool) {
	switch v := value.(type) {
	case map[string]any:
		return v, true
	case common.Values:
		return v, true
	}
	return nil, false
}

// elsewhere is what a schema refers to outside of itself: nothing is fetched, and anything fits.
type elsewhere struct{}

// Load implements jsonschema.URLLoader.
func (elsewhere) Load(string) (any, error) { return true, nil }

func validateBy(schema []byte, values map[string]any) error {
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return fmt.Errorf("the chart's schema of values is not JSON: %w", err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(elsewhere{})
	const name = "file:///values.schema.json"
	if err := compiler.AddResource(name, parsed); err != nil {
		return fmt.Errorf("the chart's schema of values cannot be used: %w", err)
	}
	compiled, err := compiler.Compile(name)
	if err != nil {
		return fmt.Errorf("the chart's schema of values cannot be used: %w", err)
	}
	err = compiled.Validate(values)
	if misfit, ok := errors.AsType[*jsonschema.ValidationError](err); ok {
		words := misfits(misfit)
		slices.Sort(words)
		return errors.New(strings.Join(slices.Compact(words), "; "))
	}
	return err
}

// misfits are where values do not fit a schema, in words.
func misfits(err *jsonschema.ValidationError) []string {
	if len(err.Causes) > 0 {
		var words []string
		for _, cause := range err.Causes {
			words = append(words, misfits(cause)...)
		}
		return words
	}
	where := strings.Join(err.InstanceLocation, ".")
	if where == "" {
		where = "the values"
	}
	switch k := err.ErrorKind.(type) {
	case *kind.Type:
		return []string{fmt.Sprintf("%s is to be %s, not %s", where, strings.Join(k.Want, " or "), k.Got)}
	case *kind.Required:
		return []string{fmt.Sprintf("%s lacks %s", where, strings.Join(k.Missing, ", "))}
	case *kind.AdditionalProperties:
		return []string{fmt.Sprintf("%s has %s, which the chart does not know", where, strings.Join(k.Properties, ", "))}
	case *kind.Enum:
		return []string{fmt.Sprintf("%s is to be one of %v", where, k.Want)}
	}
	return []string{fmt.Sprintf("%s does not fit the schema's %s", where, strings.Join(err.ErrorKind.KeywordPath(), "/"))}
}
