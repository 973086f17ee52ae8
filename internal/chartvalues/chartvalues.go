// Package chartvalues is what values of Helm charts mean: merged as Helm merges them, by its own
// functions, and taken apart by the paths of their keys. It is pure.
package chartvalues

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"helm.sh/helm/v4/pkg/chart/v2/loader"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// Merge merges YAML texts as Helm merges files of values: maps deeply, and of anything else,
// lists and null among it, the later one wins.
func Merge(texts []string) (map[string]any, error) {
	all := map[string]any{}
	for i, text := range texts {
		values, err := loader.LoadValues(strings.NewReader(text))
		if err != nil {
			return nil, fmt.Errorf("element %d is not YAML of one mapping: %w", i+1, err)
		}
		all = loader.MergeMaps(all, values)
	}
	return all, nil
}

// The reasons of Check, which repeat nothing of the text: it may be secret.
var (
	ErrNoMapping  = errors.New("it is not YAML of one mapping")
	ErrDuplicates = errors.New("it has a key twice, of which only one would count")
	ErrDocuments  = errors.New("it has several documents")
)

// Check is an error unless a text is YAML of one mapping, each key of which is there once. One
// of comments alone is one without keys.
func Check(text string) error {
	if _, err := Merge([]string{text}); err != nil {
		return ErrNoMapping
	}
	documents := 0
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader([]byte(text + "\n"))))
	for {
		raw, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return ErrNoMapping
		}
		var values map[string]any
		if err := yaml.UnmarshalStrict(raw, &values); err != nil {
			return ErrDuplicates // it can be read otherwise
		}
		if values != nil {
			documents++
		}
	}
	if documents > 1 {
		return ErrDocuments
	}
	return nil
}

// Same reports whether two texts are the same values.
func Same(a, b string) bool {
	first, err := Merge([]string{a})
	if err != nil {
		return a == b
	}
	second, err := Merge([]string{b})
	return err == nil && Encoded(first) == Encoded(second)
}
