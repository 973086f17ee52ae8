// The generate command writes the tables of kubeoptions: the flags that the components of
// Kubernetes print with --help, and the fields of KubeletConfiguration in the module
// k8s.io/kubelet. It is run by hand where there is a new minor version of Kubernetes:
//
//	internal/tools/build-kubernetes && go run ./internal/kubeoptions/generate
//
// Flags are known of the versions whose binaries internal/tools/build-kubernetes builds.
// For the fields it downloads one module a version.
package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

var (
	components  = []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet"}
	binaries    = []string{"1.34.2", "1.36.3", "1.37.2"}
	modules     = []string{"0.31.11", "0.32.3", "0.33.3", "0.34.2", "0.35.4", "0.36.3", "0.37.2"}
	flagLine    = regexp.MustCompile(`^ +(?:-[a-zA-Z], )?--([a-z0-9-]+)(?: ([^ ]+))?(?:  +(.*))?$`)
	deprecation = regexp.MustCompile(`DEPRECATED|is deprecated|will be removed in a future`)
)

// option is a flag or a field.
type option struct {
	kind               string
	minors, deprecated []string
}

func main() {
	cache, err := os.UserCacheDir()
	if err != nil {
		log.Fatal(err)
	}
	for _, component := range components {
		flags := map[string]*option{}
		for _, version := range binaries {
			binary := filepath.Join(cache, "gantry", "bin", component+"-v"+version)
			help, err := exec.Command(binary, "--help").Output() //nolint:gosec // a binary that build-kubernetes made
			if err != nil {
				log.Fatalf("%s: %v", binary, err)
			}
			addFlags(flags, minor(version), string(help))
		}
		write(component, "What "+component+" --help prints of "+strings.Join(binaries, ", "), flags)
	}
	fields := map[string]*option{}
	for _, version := range modules {
		if err := addFields(fields, version); err != nil {
			log.Fatal(err)
		}
	}
	write("kubelet-config", "KubeletConfiguration of k8s.io/kubelet "+strings.Join(modules, ", "), fields)
}

func minor(version string) string { return strings.Split(version, ".")[1] }

func addFlags(flags map[string]*option, minor, help string) {
	for line := range strings.Lines(help) {
		parts := flagLine.FindStringSubmatch(strings.TrimRight(line, "\n"))
		if parts == nil || parts[1] == "help" {
			continue
		}
		kind := parts[2]
		if kind == "" {
			kind = "bool"
		}
		// One value of this flag is deprecated, and not the flag.
		add(flags, parts[1], kind, minor, deprecation.MatchString(parts[3]) && parts[1] != "endpoint-reconciler-type")
	}
}

func add(options map[string]*option, name, kind, minor string, deprecated bool) {
	if options[name] == nil {
		options[name] = &option{}
	}
	o := options[name]
	o.kind = kind
	if !slices.Contains(o.minors, minor) {
		o.minors = append(o.minors, minor)
		if deprecated {
			o.deprecated = append(o.deprecated, minor)
		}
	}
}

// addFields reads the first level of KubeletConfiguration.
func addFields(fields map[string]*option, version string) error {
	raw, err := exec.Command("go", "mod", "download", "-json", "k8s.io/kubelet@v"+version).Output() //nolint:gosec // of a fixed list
	if err != nil {
		return fmt.Errorf("k8s.io/kubelet %s: %w", version, err)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(raw, &module); err != nil {
		return err
	}
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(module.Dir, "config", "v1beta1", "types.go"), nil, parser.ParseComments)
	if err != nil {
		return err
	}
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.TypeSpec)
		if !ok || spec.Name.Name != "KubeletConfiguration" {
			return true
		}
		for _, field := range spec.Type.(*ast.StructType).Fields.List {
			tag := reflect.StructTag(strings.Trim(field.Tag.Value, "`")).Get("json")
			if name, _, _ := strings.Cut(tag, ","); name != "" {
				add(fields, name, kindOf(field.Type), minor(version), strings.Contains(field.Doc.Text(), "DEPRECATED"))
			}
		}
		return false
	})
	return nil
}

// kindOf is the kind of JSON value that a type is written as.
func kindOf(expression ast.Expr) string {
	switch typ := expression.(type) {
	case *ast.StarExpr:
		return kindOf(typ.X)
	case *ast.ArrayType:
		return "list"
	case *ast.MapType:
		return "map"
	case *ast.SelectorExpr:
		return map[string]string{"Duration": "duration"}[typ.Sel.Name]
	case *ast.Ident:
		switch {
		case typ.Name == "bool" || typ.Name == "string":
			return typ.Name
		case strings.HasPrefix(typ.Name, "int"):
			return "int"
		}
	}
	return ""
}

func write(name, source string, options map[string]*option) {
	var out strings.Builder
	fmt.Fprintf(&out, "# %s. Written by internal/kubeoptions/generate.\n", source)
	for _, key := range slices.Sorted(maps.Keys(options)) {
		o := options[key]
		fmt.Fprintf(&out, "%s\t%s\t%s\t%s\n", key, o.kind, strings.Join(o.minors, ","), strings.Join(o.deprecated, ","))
	}
	path := filepath.Join("internal", "kubeoptions", "tables", name+".tsv")
	if err := os.WriteFile(path, []byte(out.String()), 0o600); err != nil {
		log.Fatal(err)
	}
}
