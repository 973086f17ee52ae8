package standin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
)

// delegateConfig renders the configuration of the plug-in that does the work. What the
// administrator wrote under delegate wins over what flannel would choose.
func delegateConfig(of *network, node *subnet) (map[string]any, error) {
	config := maps.Clone(of.Delegate)
	if config == nil {
		config = map[string]any{}
	}
	for _, own := range []string{"name", "ipam"} {
		if _, set := config[own]; set {
			return nil, failed(codeConfig, "delegate must not have %q: flannel sets it", own)
		}
	}
	config["name"] = of.Name
	if of.CNIVersion != "" {
		config["cniVersion"] = of.CNIVersion
	}
	if of.RuntimeConfig != nil {
		config["runtimeConfig"] = of.RuntimeConfig
	}
	unlessSet(config, "type", "bridge")
	kind, text := config["type"].(string)
	if !text || kind == "" {
		return nil, failed(codeConfig, "delegate.type must be the name of a plug-in")
	}
	// Who masks is one of the two, never both and never neither.
	unlessSet(config, "ipMasq", !node.masks)
	unlessSet(config, "mtu", node.mtu)
	if kind == "bridge" {
		unlessSet(config, "isGateway", true)
	}
	ipam, err := addresses(of.IPAM, node)
	if err != nil {
		return nil, err
	}
	config["ipam"] = ipam
	return config, nil
}

// addresses renders how pods come by theirs: from the node's subnets, with routes to the
// networks of all nodes.
func addresses(configured map[string]any, node *subnet) (map[string]any, error) {
	ipam := maps.Clone(configured)
	if ipam == nil {
		ipam = map[string]any{}
	}
	unlessSet(ipam, "type", "host-local")
	var ranges []any
	for _, prefix := range node.subnets {
		ranges = append(ranges, []any{map[string]any{"subnet": prefix.String()}})
	}
	ipam["ranges"] = ranges
	routes, list := ipam["routes"].([]any)
	if !list && ipam["routes"] != nil {
		return nil, failed(codeConfig, "ipam.routes must be a list")
	}
	for _, prefix := range node.networks {
		routes = append(routes, map[string]any{"dst": prefix.String()})
	}
	ipam["routes"] = routes
	return ipam, nil
}

func unlessSet(config map[string]any, key string, value any) {
	if _, set := config[key]; !set {
		config[key] = value
	}
}

// delegate runs the plug-in with the verb and container of this one and returns its
// output.
func delegate(config map[string]any) ([]byte, error) {
	kind, text := config["type"].(string)
	if !text || kind != filepath.Base(kind) {
		return nil, failed(codeConfig, "%v is not the name of a plug-in", config["type"])
	}
	program, err := findPlugin(kind)
	if err != nil {
		return nil, err
	}
	input, err := json.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("render the configuration of %s: %w", kind, err)
	}
	var output bytes.Buffer
	command := exec.Command(program)
	command.Stdin = bytes.NewReader(input)
	command.Stdout = &output
	command.Stderr = os.Stderr
	if err := command.Run(); err != nil {
		failure := &cniError{}
		if json.Unmarshal(output.Bytes(), failure) == nil && failure.Message != "" {
			failure.Message = kind + ": " + failure.Message
			return nil, failure
		}
		return nil, fmt.Errorf("%s: %w: %s", kind, err, bytes.TrimSpace(output.Bytes()))
	}
	return output.Bytes(), nil
}

func findPlugin(kind string) (string, error) {
	path := os.Getenv("CNI_PATH")
	for _, directory := range filepath.SplitList(path) {
		program := filepath.Join(directory, kind)
		if info, err := os.Stat(program); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return program, nil
		}
	}
	return "", failed(codeFailed, "no plug-in %s in CNI_PATH %s", kind, path)
}

func keep(directory string, config map[string]any) error {
	text, err := json.Marshal(config)
	if err != nil {
		return fmt.Errorf("render the delegate's configuration: %w", err)
	}
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return fmt.Errorf("keep the delegate's configuration: %w", err)
	}
	if err := os.WriteFile(keptAt(directory), text, 0o600); err != nil {
		return fmt.Errorf("keep the delegate's configuration: %w", err)
	}
	return nil
}

func kept(directory string) (map[string]any, error) {
	text, err := os.ReadFile(keptAt(directory))
	if err != nil {
		return nil, fmt.Errorf("read the delegate's configuration: %w", err)
	}
	var config map[string]any
	if err := json.Unmarshal(text, &config); err != nil {
		return nil, fmt.Errorf("parse the delegate's configuration: %w", err)
	}
	return config, nil
}

func forget(directory string) error {
	if err := os.Remove(keptAt(directory)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("forget the delegate's configuration: %w", err)
	}
	return nil
}

func keptAt(directory string) string {
	return filepath.Join(directory, os.Getenv("CNI_CONTAINERID"))
}
