package diagnostics

import (
	"context"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

// FromError is the one diagnostic of an error: "Unable to <verb> <thing>",
// what happened and where in the error's own words, and what to do about it.
// Both words are as in `FromError("create", "IP pool \"nodes\"", err)`.
func FromError(verb, thing string, err error) diag.Diagnostic {
	return diag.NewErrorDiagnostic("Unable to "+verb+" "+thing, Detail(err))
}

// Detail is the detail of FromError alone.
func Detail(err error) string {
	detail := Sentence(err.Error())
	if advice := advise(err); advice != "" {
		detail += "\n\n" + advice
	}
	return detail
}

// OverlapAdvice says what to do about pools that share addresses.
const OverlapAdvice = "Use addresses that no other pool has, or exclude them from one of the two; where the pools are on different networks, name the network of both. " +
	"A pool that is to give the addresses up has to be applied first."

// advise says what to do about an error whose own words do not.
func advise(err error) string {
	var (
		certificate *vsphere.CertificateError
		tags        *vsphere.TagPermissionError
		overlap     *ledger.OverlapError
	)
	switch {
	case errors.Is(err, connection.ErrUnknownConfig):
		return "The provider block depends on what this run has yet to create. Create that first, with -target, and then apply the rest."
	case errors.As(err, &certificate), errors.As(err, &tags):
		return "" // it says so itself
	case errors.As(err, &overlap):
		return OverlapAdvice
	case errors.Is(err, ledger.ErrDamaged):
		return "Put the tag back as it was, in the vSphere Client. The record of an IP pool is also written again when the configuration that it belongs to is applied; " +
			"where there is none, delete the tag and make the pool anew: addresses in use stay in use."
	case errors.Is(err, vsphere.ErrLogin):
		return "Set the user name and password that vCenter knows. A password that was changed in vCenter has to be changed here too."
	case errors.Is(err, engine.ErrPermission):
		return "Ask a vSphere administrator for the privilege. Nothing is taken for gone because it could not be seen."
	case errors.Is(err, context.DeadlineExceeded):
		return "The time that this operation was given is over. What was done stays; apply again to go on from there."
	case errors.Is(err, context.Canceled):
		return "The run was stopped. What was done stays; apply again to go on from there."
	case engine.Transient(err):
		return "That may work a moment later. What was done stays; run Terraform again to go on from there."
	}
	return ""
}

// Problem is the diagnostic of a finding, on its attribute where the field
// names one.
func Problem(p engine.Problem) diag.Diagnostic {
	attribute, err := Path(p.Field)
	if err != nil {
		return diag.NewErrorDiagnostic(p.Summary, p.Detail)
	}
	return diag.NewAttributeErrorDiagnostic(attribute, p.Summary, p.Detail)
}

// Problems are the diagnostics of findings, in their order.
func Problems(problems []engine.Problem) diag.Diagnostics {
	var diags diag.Diagnostics
	for _, p := range problems {
		diags.Append(Problem(p))
	}
	return diags
}

// Sentence is Title of a text, ended with a full stop.
func Sentence(s string) string {
	s = Title(strings.TrimSpace(s))
	if s != "" && !strings.ContainsAny(s[len(s)-1:], ".!?") {
		s += "."
	}
	return s
}

// Title starts a text with a capital letter, unless its first word is a name
// that is spelled otherwise: kube-vip stays kube-vip.
func Title(s string) string {
	word, _, _ := strings.Cut(s, " ")
	if s == "" || strings.ContainsFunc(word, func(r rune) bool { return !unicode.IsLower(r) }) {
		return s
	}
	first, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[size:]
}
