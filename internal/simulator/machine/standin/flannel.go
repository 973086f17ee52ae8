package standin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// cniVersions are those of the protocol between a container runtime and its network
// plug-ins that this plug-in and the ones it delegates to speak.
var cniVersions = []string{"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0"}

// Codes of errors by the CNI specification. From 100 on they are the plug-in's own.
const (
	codeVersion     = 1
	codeEnvironment = 4
	codeDecoding    = 6
	codeConfig      = 7
	codeFailed      = 100
)

// cniError is a plug-in's failure: as JSON on its standard output.
type cniError struct {
	CNIVersion string `json:"cniVersion"`
	Code       int    `json:"code"`
	Message    string `json:"msg"`
	Details    string `json:"details,omitempty"`
}

func (e *cniError) Error() string { return e.Message }

func failed(code int, format string, values ...any) error {
	return &cniError{Code: code, Message: fmt.Sprintf(format, values...)}
}

// RunFlannel is the CNI plug-in of flannel: it turns what flanneld wrote about the node's
// subnet into the configuration of another plug-in, bridge unless configured otherwise,
// with addresses of host-local, and leaves the work to that one. It speaks the protocol
// of the CNI specification: the verb and the container in the environment, the
// configuration on standard input.
func RunFlannel([]string) int {
	verb := os.Getenv("CNI_COMMAND")
	if verb == "" {
		fmt.Fprintln(os.Stderr, "a stand-in for the CNI plug-in flannel; it is called by a container runtime")
		return 0
	}
	stdin, err := io.ReadAll(os.Stdin)
	if err != nil {
		return report("", failed(codeDecoding, "read the configuration: %v", err))
	}
	if verb == "VERSION" {
		return answer(map[string]any{"cniVersion": cniVersions[len(cniVersions)-1], "supportedVersions": cniVersions})
	}
	network, err := parseNetwork(stdin)
	if err != nil {
		return report("", err)
	}
	var output []byte
	switch verb {
	case "ADD":
		output, err = add(network)
	case "DEL":
		err = remove(network)
	case "CHECK":
		err = check(network)
	default:
		err = failed(codeEnvironment, "CNI_COMMAND is %q, which is none of ADD, DEL, CHECK and VERSION", verb)
	}
	if err != nil {
		return report(network.CNIVersion, err)
	}
	if _, err := os.Stdout.Write(output); err != nil {
		return 1
	}
	return 0
}

func answer(value any) int {
	if err := json.NewEncoder(os.Stdout).Encode(value); err != nil {
		return 1
	}
	return 0
}

func report(version string, err error) int {
	failure := &cniError{Code: codeFailed, Message: err.Error()}
	errors.As(err, &failure)
	if failure.CNIVersion = version; version == "" {
		failure.CNIVersion = cniVersions[len(cniVersions)-1]
	}
	answer(failure)
	return 1
}

// network is the configuration that the plug-in is given.
type network struct {
	CNIVersion    string          `json:"cniVersion"`
	Name          string          `json:"name"`
	SubnetFile    string          `json:"subnetFile"`
	DataDir       string          `json:"dataDir"`
	Delegate      map[string]any  `json:"delegate"`
	IPAM          map[string]any  `json:"ipam"`
	RuntimeConfig map[string]any  `json:"runtimeConfig"`
	PrevResult    json.RawMessage `json:"prevResult"`
}

func parseNetwork(text []byte) (*network, error) {
	parsed := &network{SubnetFile: "/run/flannel/subnet.env", DataDir: "/var/lib/cni/flannel"}
	if err := json.Unmarshal(text, parsed); err != nil {
		return nil, failed(codeDecoding, "parse the configuration: %v", err)
	}
	if parsed.CNIVersion != "" && !slices.Contains(cniVersions, parsed.CNIVersion) {
		return nil, failed(codeVersion, "cniVersion %s is not supported", parsed.CNIVersion)
	}
	if container := os.Getenv("CNI_CONTAINERID"); container == "" || container != filepath.Base(container) {
		return nil, failed(codeEnvironment, "CNI_CONTAINERID is %q", container)
	}
	return parsed, nil
}

// add keeps the configuration it renders: by the time the container is removed, flanneld
// may have been given another subnet.
func add(of *network) ([]byte, error) {
	subnet, err := readSubnet(of.SubnetFile)
	if err != nil {
		return nil, err
	}
	config, err := delegateConfig(of, subnet)
	if err != nil {
		return nil, err
	}
	if err := keep(of.DataDir, config); err != nil {
		return nil, err
	}
	return delegate(config)
}

// remove succeeds for a container it has nothing of: runtimes ask again, also after an
// ADD that failed early.
func remove(of *network) error {
	config, err := kept(of.DataDir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := delegate(config); err != nil {
		return err
	}
	return forget(of.DataDir)
}

func check(of *network) error {
	config, err := kept(of.DataDir)
	if err != nil {
		return fmt.Errorf("the container has no network of flannel: %w", err)
	}
	if of.PrevResult != nil {
		config["prevResult"] = of.PrevResult
	}
	_, err = delegate(config)
	return err
}
