package agent

import (
	"fmt"

	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/yaml"
)

// render turns objects into YAML, one text each. Quoting is the encoder's: no
// value of a user's can become anything but a value.
func render(objects ...any) ([]string, error) {
	manifests := make([]string, len(objects))
	for i, object := range objects {
		text, err := yaml.Marshal(object)
		if err != nil {
			return nil, fmt.Errorf("render a manifest: %w", err)
		}
		manifests[i] = string(text)
	}
	return manifests, nil
}

// namespace enforces a level of the Pod Security Standards on its pods.
func namespace(name, level string) *applycore.NamespaceApplyConfiguration {
	return applycore.Namespace(name).WithLabels(map[string]string{"pod-security.kubernetes.io/enforce": level})
}
