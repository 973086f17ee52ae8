package guestos

import (
	"bytes"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// configPath finds the value of kubeadm's --config, and where its argument is.
func configPath(arguments []string) (path string, at int) {
	for i, argument := range arguments {
		if value, ok := strings.CutPrefix(argument, "--config="); ok {
			return value, i
		}
		if argument == "--config" && i+1 < len(arguments) {
			return arguments[i+1], i + 1
		}
	}
	return "", -1
}

// withConfig puts another path in the place that configPath found.
func withConfig(arguments []string, at int, path string) []string {
	changed := slices.Clone(arguments)
	if strings.HasPrefix(changed[at], "--config=") {
		path = "--config=" + path
	}
	changed[at] = path
	return changed
}

// kubeadmFlags adds the flags of the table to the commands that take them.
func kubeadmFlags(arguments []string) []string {
	if len(arguments) == 0 || arguments[0] != "init" && arguments[0] != "join" {
		return arguments
	}
	// Single phases don't take the flags of the whole.
	if len(arguments) > 1 && arguments[1] == "phase" {
		return arguments
	}
	// In front: what the caller says himself counts.
	changed := []string{arguments[0]}
	for _, e := range ofKind(KubeadmFlag, exceptions) {
		changed = append(changed, e.Name+"="+e.Value)
	}
	return append(changed, arguments[1:]...)
}

// withKubeProxy adds the kube-proxy settings of the table to a kubeadm
// configuration: to the document about kube-proxy, or as one.
func withKubeProxy(config []byte) ([]byte, error) {
	var documents [][]byte
	var proxy map[string]any
	for _, document := range bytes.Split(append([]byte("\n"), config...), []byte("\n---")) {
		var fields map[string]any
		if err := yaml.Unmarshal(document, &fields); err != nil {
			return nil, err
		}
		if fields["kind"] == "KubeProxyConfiguration" {
			proxy = fields
		} else if len(fields) > 0 {
			documents = append(documents, bytes.TrimSpace(document))
		}
	}
	if proxy == nil {
		proxy = map[string]any{"apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration"}
	}
	for _, e := range ofKind(KubeProxySetting, exceptions) {
		var value any
		if err := yaml.Unmarshal([]byte(e.Value), &value); err != nil {
			return nil, err
		}
		set(proxy, strings.Split(e.Name, "."), value)
	}
	document, err := yaml.Marshal(proxy)
	if err != nil {
		return nil, err
	}
	documents = append(documents, bytes.TrimSpace(document))
	return append(bytes.Join(documents, []byte("\n---\n")), '\n'), nil
}

// set puts a value at a path of fields, unless one is there.
func set(fields map[string]any, path []string, value any) {
	for _, name := range path[:len(path)-1] {
		inner, ok := fields[name].(map[string]any)
		if !ok {
			inner = map[string]any{}
			fields[name] = inner
		}
		fields = inner
	}
	if _, there := fields[path[len(path)-1]]; !there {
		fields[path[len(path)-1]] = value
	}
}
