// Package diagnostics turns what the layers below return, errors and findings,
// into the one diagnostic that a user reads.
package diagnostics

import (
	"context"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/printable"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

// FromError is the one diagnostic of an error: "Unable to <verb> <subject>",
// what happened and where in the error's own words, and what to do about it. The
// words are as in `FromError("create", "IP pool \"nodes\"", err)`.
func FromError(verb, subject string, err error) diag.Diagnostic {
	return diag.NewErrorDiagnostic(printable.Line("Unable to "+verb+" "+subject, maxSummary), Detail(err))
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
const OverlapAdvice = "Use addresses that no other pool has, or exclude them from one of the two; " +
	"where the pools are on different networks, name the network of both. " +
	"A pool that gives the addresses up has to be applied first."

// advise says what to do about an error whose own words do not.
func advise(err error) string {
	var (
		certificate *vsphere.CertificateError
		tags        *vsphere.TagPermissionError
		overlap     *ledger.OverlapError
	)
	switch {
	case errors.Is(err, connection.ErrUnknownConfig):
		return "The provider block depends on values that this run has yet to create. Create those first, with -target, and then apply the rest."
	case errors.As(err, &certificate), errors.As(err, &tags):
		return "" // it says so itself
	case errors.As(err, &overlap):
		return OverlapAdvice
	case errors.Is(err, ledger.ErrDamaged):
		return "Restore the tag in the vSphere Client. The record of an IP pool is also written again when its configuration is applied; " +
			"where there is none, delete the tag and create the pool again: addresses in use stay in use."
	case errors.Is(err, vsphere.ErrLogin):
		return "Check the user name and password. A password that was changed in vCenter has to be changed here, too."
	case errors.Is(err, model.ErrPermission):
		return "Ask a vSphere administrator for the privilege. An object that cannot be read is not treated as deleted."
	case errors.Is(err, context.DeadlineExceeded):
		return "The operation timed out. Completed steps are kept; apply again to resume."
	case errors.Is(err, context.Canceled):
		return "The run was stopped. Completed steps are kept; apply again to resume."
	case model.Transient(err):
		return "This error is usually transient. Completed steps are kept; apply again to resume."
	}
	return ""
}

// The bounds of what a diagnostic shows.
const (
	maxSummary = 300
	maxDetail  = 32 << 10
)

// Sentence is Title of a text, ended with a full stop. A text that others wrote is made
// fit for a terminal.
func Sentence(s string) string {
	s = Title(strings.TrimSpace(printable.Text(s, maxDetail)))
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
