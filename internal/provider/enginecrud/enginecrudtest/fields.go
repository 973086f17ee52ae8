package enginecrudtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// FieldNames returns every model.FieldName that is declared.
func FieldNames(t *testing.T) []model.FieldName {
	t.Helper()
	_, self, _, _ := runtime.Caller(0)
	source := filepath.Join(filepath.Dir(self), "../../../engine/model/field.go")
	file, err := parser.ParseFile(token.NewFileSet(), source, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var names []model.FieldName
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if typ, ok := spec.Type.(*ast.Ident); !ok || typ.Name != "FieldName" {
			return true
		}
		for _, value := range spec.Values {
			name, err := strconv.Unquote(value.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, model.FieldName(name))
		}
		return true
	})
	if len(names) == 0 {
		t.Fatalf("%s declares no field", source)
	}
	return names
}

// FieldsExist fails unless attribute returns an attribute of the schema for every
// field that a finding may be about: of the cluster, of each kind of node pool and of
// a placement of it. In one of these scopes, it has to be another one than that of the
// scope as a whole, which stands in for fields that have none, such as those that the
// resource lacks.
func FieldsExist(t *testing.T, s schema.Schema, attribute func(model.Field) path.Path, lacking ...model.FieldName) {
	t.Helper()
	scopes := []func(model.FieldName) model.Field{model.ClusterField}
	for _, pool := range []string{model.ControlPlanePool, "general"} {
		scopes = append(scopes,
			func(name model.FieldName) model.Field { return model.NodePoolField(pool, name) },
			model.PlacementRef{NodePool: pool}.Field)
	}
	for _, name := range append(FieldNames(t), "") {
		own := false
		for _, scope := range scopes {
			at := attribute(scope(name))
			if len(at.Steps()) == 0 {
				t.Errorf("the field %q has no attribute", scope(name))
				continue
			}
			if _, diags := s.TypeAtPath(t.Context(), at); diags.HasError() {
				t.Errorf("the field %q is %s, which is no attribute", scope(name), at)
			}
			own = own || !at.Equal(attribute(scope("")))
		}
		// The name stands for the cluster as a whole.
		if !own && name != "" && name != model.FieldClusterName && !slices.Contains(lacking, name) {
			t.Errorf("the field %q has no attribute of its own", name)
		}
	}
}
