// Package strictyaml decodes YAML the way Kubernetes does when it is asked to
// be strict: an unknown key, a key given twice and a key in the wrong
// case are errors.
package strictyaml

import (
	"errors"
	"fmt"
	"strings"

	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// Unmarshal decodes one YAML or JSON document into out. Errors of form are
// returned together, in the words that kubeadm uses ("strict decoding error:
// unknown field ...").
func Unmarshal(doc []byte, out any) error {
	raw, err := yaml.YAMLToJSONStrict(doc)
	if err != nil {
		return fmt.Errorf("error converting YAML to JSON: %w", err)
	}
	strict, err := json.UnmarshalStrict(raw, out)
	if err != nil {
		return fmt.Errorf("error unmarshaling JSON: %w", err)
	}
	if len(strict) > 0 {
		words := make([]string, len(strict))
		for i, e := range strict {
			words[i] = e.Error()
		}
		return errors.New("strict decoding error: " + strings.Join(words, ", "))
	}
	return nil
}
