package kubeoptions

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
)

// checkText says why a component would not take a value of a flag of some kind.
func checkText(kind, name, value string) string {
	var err error
	switch {
	case name == "feature-gates":
		return checkGates(value)
	case kind == "bool":
		_, err = strconv.ParseBool(value)
	case slices.Contains([]string{"int", "int32", "int64"}, kind):
		_, err = strconv.ParseInt(value, 0, 64)
	case kind == "uint" || kind == "uint32":
		_, err = strconv.ParseUint(value, 0, 64)
	case kind == "float" || kind == "float32":
		_, err = strconv.ParseFloat(value, 64)
	case kind == "duration":
		_, err = time.ParseDuration(value)
	case kind == "ip":
		_, err = netip.ParseAddr(value)
	}
	if err != nil {
		return fmt.Sprintf("the value of %q is not %s", name, kindWords[strings.TrimRight(kind, "0123456789")])
	}
	return ""
}

var kindWords = map[string]string{
	"bool":     "true or false",
	"int":      "a whole number",
	"uint":     "a whole number from 0 on",
	"float":    "a number",
	"duration": `a duration such as "1m30s"`,
	"ip":       "an IP address",
}

// gate is a feature gate, after the component that it is meant for.
var gate = regexp.MustCompile(`^([a-z]+:)?[A-Za-z][A-Za-z0-9]*=(?i:true|false)$`)

func checkGates(value string) string {
	for part := range strings.SplitSeq(value, ",") {
		if !gate.MatchString(strings.TrimSpace(part)) {
			return `feature gates are written "Name=true,OtherName=false"`
		}
	}
	return ""
}

// CheckKubeletField judges a field on the first level of kubelet's configuration, in a
// minor version of Kubernetes 1. The value is as JSON decodes it.
func CheckKubeletField(minor int, name string, value any) Verdict {
	found, verdict := kubeletFields.find(minor, name, "field of KubeletConfiguration")
	if verdict.Problem == "" && found != nil {
		verdict.Problem = checkJSON(found.kind, name, value)
	}
	if verdict.Problem == "" && name == "featureGates" {
		verdict.add(checkKubeletGates(minor, value))
	}
	return verdict
}

// checkJSON says why kubelet would not decode the value of a field.
func checkJSON(kind, name string, value any) string {
	is := true
	switch kind {
	case "bool":
		_, is = value.(bool)
	case "string":
		_, is = value.(string)
	case "int":
		number, ok := value.(float64)
		is = ok && number == float64(int64(number))
	case "duration":
		text, ok := value.(string)
		_, err := time.ParseDuration(text)
		is = ok && err == nil
	case "list":
		_, is = value.([]any)
	case "map":
		_, is = value.(map[string]any)
	}
	if !is {
		return fmt.Sprintf("%s is not %s", name, fieldWords[kind])
	}
	return checkKubeletValue(name, value)
}

var fieldWords = map[string]string{
	"bool":     "true or false",
	"string":   "a text",
	"int":      "a whole number",
	"duration": `a duration such as "1m30s", as a text`,
	"list":     "a list",
	"map":      "a map",
}

// checkKubeletValue has the rules of kubelet's own validation that are most easily broken
// (ValidateKubeletConfiguration in pkg/kubelet/apis/config/validation).
func checkKubeletValue(name string, value any) string {
	switch name {
	case "imageGCHighThresholdPercent", "imageGCLowThresholdPercent":
		if n, _ := value.(float64); n < 0 || n > 100 {
			return name + " is a percentage, from 0 to 100"
		}
	case "maxPods", "podsPerCore":
		if n, _ := value.(float64); n < 0 {
			return name + " is not negative"
		}
	case "systemReserved", "kubeReserved":
		return checkValues(name, value, `a quantity such as "500m" or "1Gi"`, isQuantity)
	case "evictionHard", "evictionSoft", "evictionMinimumReclaim":
		return checkValues(name, value, `a quantity such as "100Mi", or a percentage such as "10%"`, func(text string) bool {
			if percent, ok := strings.CutSuffix(text, "%"); ok {
				n, err := strconv.ParseFloat(percent, 64)
				return err == nil && n >= 0 && n <= 100
			}
			return isQuantity(text)
		})
	case "featureGates":
		all, _ := value.(map[string]any)
		for key, on := range all {
			if _, ok := on.(bool); !ok {
				return fmt.Sprintf("the feature gate %q is neither true nor false", key)
			}
		}
	}
	return ""
}

// isQuantity reports whether a text is a quantity that is not negative.
func isQuantity(text string) bool {
	quantity, err := resource.ParseQuantity(text)
	return err == nil && quantity.Sign() >= 0
}

// checkValues checks the values of a map of texts.
func checkValues(name string, value any, form string, valid func(string) bool) string {
	all, _ := value.(map[string]any)
	for key, v := range all {
		if text, ok := v.(string); !ok || !valid(text) {
			return fmt.Sprintf("%s of %q is not %s, as a text", name, key, form)
		}
	}
	return ""
}
