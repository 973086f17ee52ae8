// The generate command writes the tables of kubeoptions: the flags that the components of
// Kubernetes print with --help, and the fields of KubeletConfiguration in the module
// k8s.io/kubelet. It is run by hand where there is a new minor version of Kubernetes:
//
//	go run ./internal/kubeoptions/generate
//
// It builds what it does not know yet (see help), and downloads one module a version for the
// fields.
package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

var (
	components  = []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet"}
	releases    = []string{"1.31.13", "1.32.9", "1.33.5", "1.34.2", "1.35.4", "1.36.3", "1.37.2"}
	modules     = []string{"0.31.11", "0.32.3", "0.33.3", "0.34.2", "0.35.4", "0.36.3", "0.37.2"}
	flagLine    = regexp.MustCompile(`^ +(?:-[a-zA-Z], )?--([a-z0-9-]+)(?: ([^ ]+))?(?:  +(.*))?$`)
	gateLine    = regexp.MustCompile(`^ +(?:kube:)?([A-Za-z0-9]+)=true\|false \(`)
	pluginLine  = regexp.MustCompile(`^ +--admission-control .*Comma-delimited list of: ([A-Za-z, ]+)\.`)
	deprecation = regexp.MustCompile(`DEPRECATED|is deprecated|will be removed in a future`)
)

// option is a flag or a field.
type option struct {
	kind               string
	minors, deprecated []string
}

func main() {
	flags := map[string]map[string]*option{}
	for _, component := range components {
		flags[component] = map[string]*option{}
	}
	gates, plugins := map[string]*option{}, map[string]*option{}
	for _, version := range releases {
		texts, err := help(version)
		if err != nil {
			log.Fatal(err)
		}
		for component, text := range texts {
			addFlags(flags[component], minor(version), text)
			addNames(gates, plugins, minor(version), text)
		}
	}
	write("feature-gates", "Feature gates that the components print with --help of "+strings.Join(releases, ", "), gates)
	write("admission-plugins", "Admission plug-ins that kube-apiserver prints with --help of "+strings.Join(releases, ", "), plugins)
	for _, component := range components {
		write(component, "What "+component+" --help prints of "+strings.Join(releases, ", "), flags[component])
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

// addNames reads the feature gates and the admission plug-ins that a component prints.
func addNames(gates, plugins map[string]*option, minor, help string) {
	for line := range strings.Lines(help) {
		if parts := gateLine.FindStringSubmatch(line); parts != nil {
			add(gates, parts[1], "", minor, false)
		}
		if parts := pluginLine.FindStringSubmatch(line); parts != nil {
			for name := range strings.SplitSeq(parts[1], ", ") {
				add(plugins, name, "", minor, false)
			}
		}
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
	dir, err := download("k8s.io/kubelet@v" + version)
	if err != nil {
		return err
	}
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, "config", "v1beta1", "types.go"), nil, parser.ParseComments)
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
