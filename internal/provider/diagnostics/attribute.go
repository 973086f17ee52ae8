package diagnostics

import (
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/printable"
)

// AttributeError is an error about an attribute. It stands on the top-level
// attribute that holds it and names the whole path in its text: for a nested
// attribute, Terraform shows a wrong line.
func AttributeError(at path.Path, summary, detail string) diag.Diagnostic {
	return onAttributes([]path.Path{at}, diag.NewErrorDiagnostic(summary, detail))
}

// AttributeWarning is AttributeError as a warning.
func AttributeWarning(at path.Path, summary, detail string) diag.Diagnostic {
	return onAttributes([]path.Path{at}, diag.NewWarningDiagnostic(summary, detail))
}

// Problem is the error of a finding; attribute returns where a field stands in the
// resource's schema.
func Problem(finding model.Finding, attribute func(model.Field) path.Path) diag.Diagnostic {
	return onAttributes(paths(finding, attribute), diag.NewErrorDiagnostic(finding.Summary, finding.Detail))
}

// Warning is Problem as a warning.
func Warning(finding model.Finding, attribute func(model.Field) path.Path) diag.Diagnostic {
	return onAttributes(paths(finding, attribute), diag.NewWarningDiagnostic(finding.Summary, finding.Detail))
}

// Problems are the errors of findings, in their order.
func Problems(findings []model.Finding, attribute func(model.Field) path.Path) diag.Diagnostics {
	var diags diag.Diagnostics
	for _, finding := range findings {
		diags.Append(Problem(finding, attribute))
	}
	return diags
}

// Warnings are diagnostics whose errors are no more than warnings, each with more to say.
func Warnings(diags diag.Diagnostics, more string) diag.Diagnostics {
	var warnings diag.Diagnostics
	for _, d := range diags {
		if d.Severity() == diag.SeverityWarning {
			warnings.Append(d)
			continue
		}
		warning := diag.NewWarningDiagnostic(d.Summary(), d.Detail()+" "+more)
		if at, ok := d.(diag.DiagnosticWithPath); ok {
			warnings.Append(diag.WithPath(at.Path(), warning))
			continue
		}
		warnings.Append(warning)
	}
	return warnings
}

// paths are the attributes of a finding's fields. Fields that share one are one.
func paths(finding model.Finding, attribute func(model.Field) path.Path) []path.Path {
	var all path.Paths
	for _, field := range finding.Fields {
		all.Append(attribute(field))
	}
	return all
}

// onAttributes puts a diagnostic on the attribute that holds the first of the
// paths. One top-level attribute needs no mention: Terraform shows it.
func onAttributes(at []path.Path, d diag.Diagnostic) diag.Diagnostic {
	d = withDetail(d, printable.Text(d.Detail(), maxDetail))
	if len(at) == 0 {
		return d
	}
	root, ok := rootOf(at[0])
	if !ok {
		return d
	}
	return diag.WithPath(root, withDetail(d, mention(at, root)+d.Detail()))
}

func mention(at []path.Path, root path.Path) string {
	switch {
	case len(at) > 1:
		names := make([]string, len(at))
		for i, p := range at {
			names[i] = "  " + p.String()
		}
		return fmt.Sprintf("This concerns:\n%s\n\n", strings.Join(names, "\n"))
	case !at[0].Equal(root):
		return at[0].String() + ": "
	}
	return ""
}

func withDetail(d diag.Diagnostic, detail string) diag.Diagnostic {
	if d.Severity() == diag.SeverityWarning {
		return diag.NewWarningDiagnostic(printable.Line(d.Summary(), maxSummary), detail)
	}
	return diag.NewErrorDiagnostic(printable.Line(d.Summary(), maxSummary), detail)
}

// rootOf is the top-level attribute that holds another; false for the resource as
// a whole.
func rootOf(at path.Path) (path.Path, bool) {
	steps := at.Steps()
	if len(steps) == 0 {
		return path.Empty(), false
	}
	name, ok := steps[0].(path.PathStepAttributeName)
	return path.Root(string(name)), ok
}
