package kubernetesschema

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"sigs.k8s.io/yaml"
)

// maxDocument bounds what is parsed: nothing longer would fit into a node's user data.
const maxDocument = 256 << 10

// parse reads a YAML or JSON object. The error does not quote it.
func parse(text string, into any) error {
	if len(text) > maxDocument {
		return fmt.Errorf("it has %d bytes", len(text))
	}
	raw, err := yaml.YAMLToJSONStrict([]byte(text))
	if err != nil {
		return fmt.Errorf("it is not YAML%s", lineOf(err))
	}
	if !strings.HasPrefix(string(raw), "{") {
		return fmt.Errorf("it is not an object with fields")
	}
	decoder := json.NewDecoder(strings.NewReader(string(raw)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			return fmt.Errorf("it has no field %s", field)
		}
		return fmt.Errorf("a field is not of its type%s", fieldOf(err))
	}
	return nil
}

var lineNumber = regexp.MustCompile(`line \d+`)

func lineOf(err error) string {
	if line := lineNumber.FindString(err.Error()); line != "" {
		return ": see " + line
	}
	return ""
}

// fieldOf is which field a decoding stopped at, without its value.
func fieldOf(err error) string {
	if typed, ok := err.(*json.UnmarshalTypeError); ok && typed.Field != "" { //nolint:errorlint // of this very decoder
		return ": " + typed.Field
	}
	return ""
}

// canonical is an object in one spelling, as YAML; as it is where it is none.
func canonical(text string) string {
	var fields map[string]any
	if text == "" || parse(text, &fields) != nil {
		return text
	}
	raw, err := yaml.Marshal(fields)
	if err != nil {
		return text
	}
	return string(raw)
}

const (
	kubeletGroup = "kubelet.config.k8s.io/v1beta1"
	kubeletKind  = "KubeletConfiguration"
)

// fieldsOf are the fields of a KubeletConfiguration but for those that say that it is one.
func fieldsOf(text string) (map[string]any, error) {
	var fields map[string]any
	if err := parse(text, &fields); err != nil {
		return nil, err
	}
	for key, want := range map[string]string{"apiVersion": kubeletGroup, "kind": kubeletKind} {
		if value, ok := fields[key]; ok && value != want {
			return nil, fmt.Errorf("its %s is not %s", key, want)
		}
		delete(fields, key)
	}
	return fields, nil
}

// kubeletFields validates what is no object, or sets what nodes join by; which fields there
// are depends on the version.
type kubeletFields struct{}

var _ validator.String = kubeletFields{}

func (kubeletFields) Description(context.Context) string {
	return "must be an object of fields of KubeletConfiguration"
}

func (v kubeletFields) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (kubeletFields) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	check(req, resp, "Invalid kubelet configuration", func(text string) string {
		fields, err := fieldsOf(text)
		if err != nil {
			return fmt.Sprintf("The text is no %s: %v.", kubeletKind, err)
		}
		for name := range fields {
			if why, reserved := reservedFields[name]; reserved {
				return fmt.Sprintf("The field %q cannot be set: %s.", name, why)
			}
		}
		return ""
	})
}

// policy is audit.k8s.io/v1, kind Policy.
type policy struct {
	APIVersion        string         `json:"apiVersion"`
	Kind              string         `json:"kind"`
	Metadata          map[string]any `json:"metadata"`
	Rules             []policyRule   `json:"rules"`
	OmitStages        []string       `json:"omitStages"`
	OmitManagedFields bool           `json:"omitManagedFields"`
}

type policyRule struct {
	Level             string           `json:"level"`
	Users             []string         `json:"users"`
	UserGroups        []string         `json:"userGroups"`
	Verbs             []string         `json:"verbs"`
	Resources         []policyResource `json:"resources"`
	Namespaces        []string         `json:"namespaces"`
	NonResourceURLs   []string         `json:"nonResourceURLs"`
	OmitStages        []string         `json:"omitStages"`
	OmitManagedFields *bool            `json:"omitManagedFields"`
}

type policyResource struct {
	Group         string   `json:"group"`
	Resources     []string `json:"resources"`
	ResourceNames []string `json:"resourceNames"`
}

var (
	auditLevels = []string{"None", "Metadata", "Request", "RequestResponse"}
	auditStages = []string{"RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"}
)

// auditPolicy validates what the API server would not start with (k8s.io/apiserver,
// pkg/audit/policy and pkg/apis/audit/validation).
type auditPolicy struct{}

var _ validator.String = auditPolicy{}

func (auditPolicy) Description(context.Context) string {
	return "must be an audit policy"
}

func (v auditPolicy) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (auditPolicy) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	check(req, resp, "Invalid audit policy", func(text string) string {
		var p policy
		err := parse(text, &p)
		if err == nil {
			err = p.check()
		}
		if err != nil {
			return fmt.Sprintf("The API server would not start with it: %v.", err)
		}
		return ""
	})
}

func (p policy) check() error {
	if p.APIVersion != "audit.k8s.io/v1" || p.Kind != "Policy" {
		return fmt.Errorf("its apiVersion is not audit.k8s.io/v1, or its kind not Policy")
	}
	if len(p.Rules) == 0 {
		return fmt.Errorf("it has no rules")
	}
	if !known(p.OmitStages, auditStages) {
		return fmt.Errorf("omitStages has a stage other than %s", strings.Join(auditStages, ", "))
	}
	for i, rule := range p.Rules {
		if err := rule.check(); err != nil {
			return fmt.Errorf("rule %d: %w", i+1, err)
		}
	}
	return nil
}

func (r policyRule) check() error {
	if !slices.Contains(auditLevels, r.Level) {
		return fmt.Errorf("its level is not one of %s", strings.Join(auditLevels, ", "))
	}
	if !known(r.OmitStages, auditStages) {
		return fmt.Errorf("omitStages has a stage other than %s", strings.Join(auditStages, ", "))
	}
	if len(r.NonResourceURLs) > 0 && len(r.Resources)+len(r.Namespaces) > 0 {
		return fmt.Errorf("it has nonResourceURLs beside resources or namespaces")
	}
	for _, url := range r.NonResourceURLs {
		if url != "*" && (!strings.HasPrefix(url, "/") || strings.Contains(strings.TrimSuffix(url, "*"), "*")) {
			return fmt.Errorf("a URL of nonResourceURLs does not begin with a slash, or has an asterisk that is not at its end")
		}
	}
	for _, resource := range r.Resources {
		if strings.Contains(resource.Group, "/") {
			return fmt.Errorf("a group of its resources has a version, and groups are written without")
		}
		if len(resource.ResourceNames) > 0 && len(resource.Resources) == 0 {
			return fmt.Errorf("it has resourceNames without resources")
		}
	}
	return nil
}

func known(values, all []string) bool {
	return !slices.ContainsFunc(values, func(value string) bool { return !slices.Contains(all, value) })
}
