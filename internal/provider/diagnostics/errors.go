// Package diagnostics turns what the layers below return, errors and findings,
// into the one diagnostic that a user reads.
package diagnostics

import (
	"context"
	"errors"
	"slices"
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
	next := resumeApply
	if verb == "delete" {
		next = "Completed steps are kept; destroy again to resume."
	}
	return diag.NewErrorDiagnostic(printable.Line("Unable to "+verb+" "+subject, maxSummary), detail(err, next))
}

// FromRefresh is FromError of a refresh, which Terraform makes before it destroys, too.
func FromRefresh(subject string, err error) diag.Diagnostic {
	d := FromError("read", subject, err)
	return diag.NewErrorDiagnostic(d.Summary(), d.Detail()+"\n\n"+RefreshAdvice)
}

// RefreshAdvice says how to destroy where a refresh is in the way.
const RefreshAdvice = "If this is in the way of a destruction, skip the refresh: `terraform destroy -refresh=false` " +
	"(or `tofu destroy -refresh=false`)."

// resumeApply says what comes after an apply that did not end.
const resumeApply = "Completed steps are kept; apply again to resume."

// Detail is the detail of FromError alone, of an apply.
func Detail(err error) string { return detail(err, resumeApply) }

// Cause is Detail where it is said otherwise how to go on.
func Cause(err error) string { return detail(err, "") }

func detail(err error, next string) string {
	text := Sentence(strings.Join(distinct(err), "\n"))
	advice, stopped := advise(err)
	if stopped {
		advice = strings.TrimSpace(advice + " " + next)
	}
	if advice != "" {
		text += "\n\n" + advice
	}
	return text
}

// distinct are the texts of joined errors, without those that only repeat how one before
// them ends, as that of a run which was stopped does.
func distinct(err error) []string {
	var texts []string
	for _, text := range joined(err) {
		repeats := func(before string) bool { return before == text || strings.HasSuffix(before, ": "+text) }
		if !slices.ContainsFunc(texts, repeats) {
			texts = append(texts, text)
		}
	}
	return texts
}

// joined are the texts of the errors that errors.Join has put together.
func joined(err error) []string {
	group, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []string{err.Error()}
	}
	var texts []string
	for _, part := range group.Unwrap() {
		texts = append(texts, joined(part)...)
	}
	if strings.Join(texts, "\n") != err.Error() {
		return []string{err.Error()} // its own words
	}
	return texts
}

// OverlapAdvice says what to do about pools that share addresses.
const OverlapAdvice = "Use addresses that no other pool has, or exclude them from one of the two; " +
	"where the pools are on different networks, name the network of both. " +
	"A pool that gives the addresses up has to be applied first."

// advise says what to do about an error whose own words do not. Stopped is a run that
// ended before it was done, where that is no fault of what it works on.
func advise(err error) (advice string, stopped bool) {
	var (
		certificate *vsphere.CertificateError
		tags        *vsphere.TagPermissionError
		overlap     *ledger.OverlapError
	)
	switch {
	case errors.Is(err, connection.ErrUnknownConfig):
		return "The provider block depends on values that this run has yet to create. Create those first, with -target, and " +
			"then apply the rest.", false
	case errors.As(err, &certificate), errors.As(err, &tags):
		return "", false // it says so itself
	case errors.As(err, &overlap):
		return OverlapAdvice, false
	case errors.Is(err, ledger.ErrDamaged):
		return "Restore the tag in the vSphere Client. The record of an IP pool is also written again when its configuration is applied; " +
			"where there is none, delete the tag and create the pool again: addresses in use stay in use. " +
			"That of a cluster or gateway whose VMs are there is written again by an apply once the tag is deleted, " +
			"and is not needed to destroy it.", false
	case errors.Is(err, vsphere.ErrLogin):
		return "Check the user name and password. A password that was changed in vCenter has to be changed here, too.", false
	case errors.Is(err, model.ErrPermission):
		return "Ask a vSphere administrator for the privilege. An object that cannot be read is not treated as deleted.", false
	case errors.Is(err, context.DeadlineExceeded):
		return "The operation timed out.", true
	case errors.Is(err, context.Canceled):
		return "The run was stopped.", true
	case model.Transient(err):
		return "This error is usually transient.", true
	}
	return "", false
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
