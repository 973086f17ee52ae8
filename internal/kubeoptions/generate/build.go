package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// help returns what each component of a version prints with --help. The first time it builds
// them, which takes some ten minutes of two cores and 2 GB of Go's build cache; the texts stay
// in the user's cache, the binaries do not.
func help(version string) (map[string]string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(cache, "gantry", "help")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	texts := map[string]string{}
	for _, component := range components {
		text, err := os.ReadFile(filepath.Join(dir, component+"-v"+version+".txt")) //nolint:gosec // a cache of ours
		if err != nil {
			return buildHelp(version, dir)
		}
		texts[component] = string(text)
	}
	return texts, nil
}

func buildHelp(version, dir string) (map[string]string, error) {
	work, err := os.MkdirTemp("", "gantry-help-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work) //nolint:errcheck // a temporary folder
	module, err := released(version)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(work, "go.mod"), []byte(module), 0o600); err != nil {
		return nil, err
	}
	texts := map[string]string{}
	for _, component := range components {
		binary := filepath.Join(work, component)
		build := exec.Command("go", "build", "-mod=mod", "-buildvcs=false", "-ldflags=-s -w", "-o", binary, //nolint:gosec // of a fixed list
			"k8s.io/kubernetes/cmd/"+component)
		build.Dir = work
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("building %s %s: %w\n%s", component, version, err, out)
		}
		text, err := exec.Command(binary, "--help").Output() //nolint:gosec // it was built here
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", component, version, err)
		}
		texts[component] = string(text)
		if err := os.WriteFile(filepath.Join(dir, component+"-v"+version+".txt"), text, 0o600); err != nil {
			return nil, err
		}
	}
	return texts, nil
}

var (
	required = regexp.MustCompile(`(?m)^\s*(?:require )?([a-zA-Z0-9._~-]+\.[a-z]+(?:/\S+)?) (v\S+)`)
	staging  = regexp.MustCompile(`(?m)^\s*(?:replace )?(k8s\.io/[a-z0-9-]+) => \./staging`)
	unstated = regexp.MustCompile(`(?m)^\s*(k8s\.io/[a-z0-9-]+) v0\.0\.0$`)
)

// released returns a go.mod that builds a version of Kubernetes as it was released: its
// staging modules, which it replaces by folders of its repository, are taken as published.
func released(version string) (string, error) {
	dir, err := download("k8s.io/kubernetes@v" + version)
	if err != nil {
		return "", err
	}
	raw, err := os.ReadFile(filepath.Join(dir, "go.mod")) //nolint:gosec // of a module
	if err != nil {
		return "", err
	}
	parts := map[string]bool{}
	for _, pattern := range []*regexp.Regexp{staging, unstated} {
		for _, match := range pattern.FindAllStringSubmatch(string(raw), -1) {
			parts[match[1]] = true
		}
	}
	var out strings.Builder
	fmt.Fprintf(&out, "module help\n\ngo 1.26\n\nrequire k8s.io/kubernetes v%s\n", version)
	for _, match := range required.FindAllStringSubmatch(string(raw), -1) {
		if name := match[1]; !parts[name] && match[2] != "v0.0.0" {
			fmt.Fprintf(&out, "require %s %s\n", name, match[2])
		}
	}
	_, rest, _ := strings.Cut(version, ".")
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		fmt.Fprintf(&out, "require %[1]s v0.%[2]s\nreplace %[1]s => %[1]s v0.%[2]s\n", name, rest)
	}
	return out.String(), nil
}

// download returns the folder of a module.
func download(module string) (string, error) {
	raw, err := exec.Command("go", "mod", "download", "-json", module).Output() //nolint:gosec // of a fixed list
	if err != nil {
		return "", fmt.Errorf("%s: %w", module, err)
	}
	var found struct{ Dir string }
	if err := json.Unmarshal(raw, &found); err != nil {
		return "", err
	}
	return found.Dir, nil
}
