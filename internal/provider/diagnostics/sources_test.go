package diagnostics_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// speaking are the packages whose texts reach users.
var speaking = []string{
	"./internal/agent", "./internal/bootstrap/...", "./internal/engine/...", "./internal/ipam", "./internal/kube", "./internal/ledger/...",
	"./internal/pki", "./internal/provider/...", "./internal/vsphere",
}

// listed is a package as go list describes it.
type listed struct {
	ImportPath, Dir, Export string
	GoFiles                 []string
	DepOnly                 bool
	ImportMap               map[string]string
}

func list(t *testing.T) []listed {
	t.Helper()
	args := append([]string{"list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles,DepOnly,ImportMap"}, speaking...)
	cmd := exec.Command("go", args...)
	cmd.Dir = "../../.."
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// TestTextsListNothingAsGoDoes: a list in a text for users is joined by commas, and not
// printed as a slice or map of Go, as in [a b].
func TestTextsListNothingAsGoDoes(t *testing.T) {
	t.Parallel()
	all := list(t)
	exports := map[string]string{}
	for _, p := range all {
		exports[p.ImportPath] = p.Export
	}
	fset := token.NewFileSet()
	lookup := func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) }
	imports := importer.ForCompiler(fset, "gc", lookup)
	texts := 0
	for _, p := range all {
		if p.DepOnly || strings.HasSuffix(p.Dir, "test") { // what only tests use
			continue
		}
		var files []*ast.File
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
		info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
		if _, err := (&types.Config{Importer: imports}).Check(p.ImportPath, fset, files, info); err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			ast.Inspect(f, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				for _, arg := range formatted(info, call) {
					texts++
					if lists(info.TypeOf(arg)) {
						t.Errorf("%s: %s is printed as Go prints it", fset.Position(arg.Pos()), types.ExprString(arg))
					}
				}
				return true
			})
		}
	}
	if texts < 500 {
		t.Errorf("%d values in texts were looked at", texts)
	}
}

// formatted are the values that a call puts into a text: those of a variadic parameter
// of any type.
func formatted(info *types.Info, call *ast.CallExpr) []ast.Expr {
	signature, ok := info.TypeOf(call.Fun).(*types.Signature)
	if !ok || !signature.Variadic() || call.Ellipsis.IsValid() {
		return nil
	}
	fixed := signature.Params().Len() - 1
	element, ok := signature.Params().At(fixed).Type().(*types.Slice)
	if !ok || len(call.Args) <= fixed {
		return nil
	}
	if any, ok := element.Elem().Underlying().(*types.Interface); !ok || !any.Empty() {
		return nil
	}
	return call.Args[fixed:]
}

// lists reports whether fmt prints a value of a type as a Go list or map. What says
// itself how it is printed does not count, and neither do bytes.
func lists(t types.Type) bool {
	for _, method := range []string{"Error", "String"} {
		if found, _, _ := types.LookupFieldOrMethod(t, true, nil, method); found != nil {
			return false
		}
	}
	switch u := t.Underlying().(type) {
	case *types.Slice:
		return !types.Identical(u.Elem(), types.Typ[types.Byte])
	case *types.Array, *types.Map:
		return true
	}
	return false
}
