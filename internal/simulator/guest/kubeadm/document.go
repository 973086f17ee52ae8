package kubeadm

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/strictyaml"
)

const group = "kubeadm.k8s.io/"

// document is one YAML document of a configuration file.
type document struct {
	metav1.TypeMeta
	raw []byte
}

// split reads the documents of a file and what each claims to be.
func split(file []byte) ([]document, error) {
	var docs []document
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(file)))
	for {
		raw, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return docs, nil
		}
		if err != nil {
			return nil, fmt.Errorf("unable to read the configuration file: %w", err)
		}
		if len(bytes.TrimSpace(raw)) == 0 {
			continue
		}
		d := document{raw: raw}
		if err := yaml.Unmarshal(raw, &d.TypeMeta); err != nil {
			return nil, fmt.Errorf("unable to read the configuration file: %w", err)
		}
		if d.APIVersion == "" || d.Kind == "" {
			return nil, errors.New("invalid configuration: kind and apiVersion is mandatory information that must be specified")
		}
		if slices.ContainsFunc(docs, func(other document) bool { return other.Kind == d.Kind }) {
			return nil, fmt.Errorf("invalid configuration: kind %q is specified twice in YAML file", d.Kind)
		}
		docs = append(docs, d)
	}
}

// readable refuses what kubeadm of a version does not read, and v1beta3, which kubeadm 1.31
// to 1.35 reads with a warning only.
func (d document) readable(tool Version) error {
	if d.APIVersion != group+"v1beta4" || !tool.AtLeast(31) {
		return fmt.Errorf("your configuration file uses an API spec: %q (kind: %q) that is not supported by kubeadm v%s",
			d.APIVersion, d.Kind, tool)
	}
	return nil
}

// component accepts a document of a component's own configuration. Only what
// it is gets checked: kubelet and kube-proxy read the rest.
func (d document) component() (known bool, err error) {
	want := map[string]string{
		"KubeletConfiguration":   "kubelet.config.k8s.io/v1beta1",
		"KubeProxyConfiguration": "kubeproxy.config.k8s.io/v1alpha1",
	}[d.Kind]
	if want == "" {
		return false, nil
	}
	if d.APIVersion != want {
		return true, fmt.Errorf("no kind %q is registered for version %q", d.Kind, d.APIVersion)
	}
	if _, err := yaml.YAMLToJSONStrict(d.raw); err != nil {
		return true, fmt.Errorf("%s: %w", d.Kind, err)
	}
	return true, nil
}

// decode reads a document into the struct of its version.
func (d document) decode(out any) error {
	if err := strictyaml.Unmarshal(d.raw, out); err != nil {
		return fmt.Errorf("error unmarshaling configuration {%s, Kind=%s}: %w", d.APIVersion, d.Kind, err)
	}
	return nil
}
