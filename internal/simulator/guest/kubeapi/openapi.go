package kubeapi

import (
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// openAPI serves the documents that kubectl reads before a write: which groups there are,
// and that the server validates fields itself. There are no schemas.
func openAPI(path string, kinds []Kind) any {
	rest, ok := strings.CutPrefix(path, "/openapi/v3")
	if !ok {
		return nil
	}
	paths := map[string]any{}
	for _, k := range kinds {
		root := "api/v1"
		if k.Group != "" {
			root = "apis/" + k.GroupVersion().String()
		}
		switch rest {
		case "":
			paths[root] = map[string]any{"serverRelativeURL": "/openapi/v3/" + root}
		case "/" + root:
			paths["/"+root+"/"+k.Plural+"/{name}"] = map[string]any{"patch": patchOperation(k.GroupVersionKind)}
		}
	}
	if len(paths) == 0 {
		return nil
	}
	if rest == "" {
		return map[string]any{"paths": paths}
	}
	return map[string]any{"openapi": "3.0.0", "info": map[string]any{"title": "Kubernetes", "version": "simulated"}, "paths": paths}
}

func patchOperation(k schema.GroupVersionKind) map[string]any {
	return map[string]any{
		"x-kubernetes-group-version-kind": map[string]any{"group": k.Group, "version": k.Version, "kind": k.Kind},
		"parameters": []any{
			map[string]any{"name": "fieldValidation", "in": "query", "schema": map[string]any{"type": "string"}},
		},
		"responses": map[string]any{"200": map[string]any{"description": "OK"}},
	}
}
