package kube

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/json"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// parse returns the objects of all manifests, in their order. All of them are
// parsed before any is applied: a mistake in the last document must not leave
// half a pack behind. Errors name manifest and document, from 1.
func parse(manifests []string) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	for i, manifest := range manifests {
		reader := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(manifest)))
		for document := 1; ; document++ {
			text, err := reader.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			var found []*unstructured.Unstructured
			if err == nil {
				found, err = parseDocument(text)
			}
			if err != nil {
				return nil, fmt.Errorf("manifest %d, document %d: %w", i+1, document, err)
			}
			objects = append(objects, found...)
		}
	}
	return objects, nil
}

// parseDocument parses one YAML document: an object, a list of objects, or only
// comments.
func parseDocument(text []byte) ([]*unstructured.Unstructured, error) {
	// Strict: a duplicate key is a mistake, not a choice.
	asJSON, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return nil, fmt.Errorf("it is not valid YAML: %w", err)
	}
	return objectsOf(asJSON)
}

// objectsOf are the objects of one document.
func objectsOf(asJSON []byte) ([]*unstructured.Unstructured, error) {
	var content any
	// This decoder preserves integers, which encoding/json would turn into floats.
	if err := json.Unmarshal(asJSON, &content); err != nil {
		return nil, fmt.Errorf("it is not valid YAML: %w", err)
	}
	if content == nil {
		return nil, nil
	}

	fields, ok := content.(map[string]any)
	if !ok {
		return nil, errors.New("it is not a Kubernetes object")
	}
	items, isList := fields["items"].([]any)
	if kind, _ := fields["kind"].(string); !isList || !strings.HasSuffix(kind, "List") {
		items = []any{fields}
	}
	var objects []*unstructured.Unstructured
	for _, item := range items {
		object, err := newObject(item)
		if err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
	return objects, nil
}

func newObject(item any) (*unstructured.Unstructured, error) {
	fields, ok := item.(map[string]any)
	if !ok {
		return nil, errors.New("it is not a Kubernetes object")
	}
	object := &unstructured.Unstructured{Object: fields}
	if _, err := schema.ParseGroupVersion(object.GetAPIVersion()); err != nil || object.GetAPIVersion() == "" {
		return nil, errors.New("the object has no valid apiVersion")
	}
	if object.GetKind() == "" {
		return nil, errors.New("the object has no kind")
	}
	if object.GetName() == "" {
		return nil, fmt.Errorf("the %s has no metadata.name", object.GetKind())
	}
	// Fields of an export that server-side apply refuses.
	for _, field := range []string{"managedFields", "resourceVersion", "uid", "creationTimestamp"} {
		unstructured.RemoveNestedField(object.Object, "metadata", field)
	}
	return object, nil
}

// describe returns an object's name for users: `Deployment kube-system/coredns`.
func describe(object *unstructured.Unstructured) string {
	if ns := object.GetNamespace(); ns != "" {
		return fmt.Sprintf("%s %s/%s", object.GetKind(), ns, object.GetName())
	}
	return fmt.Sprintf("%s %s", object.GetKind(), object.GetName())
}
