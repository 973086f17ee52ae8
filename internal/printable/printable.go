// Package printable makes texts that others wrote fit for being shown: a guest's
// log, an API's answer, the name of a VM. A terminal obeys escape sequences,
// a reader takes a line end for the end of what is quoted, and Terraform refuses an
// answer that is not UTF-8.
package printable

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// escape matches the sequences that a terminal obeys: control sequences (colours,
// cursor), commands that end with BEL or ST (titles, links, the clipboard), and the
// short ones.
var escape = regexp.MustCompile("\x1b\\[[0-?]*[ -/]*[@-~]" +
	"|\x1b[\\]P^_X][^\x07\x1b]*(?:\x07|\x1b\\\\)?" +
	"|\x1b[ -/]*[0-~]?")

// cut stands where a text was cut off.
const cut = "…"

// Line returns a text as one line of at most limit bytes, cut off at its end.
func Line(text string, limit int) string {
	text = clean(head(text, 4*limit), func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		return r
	})
	text = strings.TrimSpace(text)
	if len(text) <= limit {
		return text
	}
	return head(text, limit-len(cut)) + cut
}

// Text returns a text of at most limit bytes that keeps its lines, cut off at its
// end.
func Text(text string, limit int) string {
	text = clean(head(text, 4*limit), keepLines)
	if len(text) <= limit {
		return text
	}
	return head(text, limit-len(cut)) + cut
}

// Tail is Text cut off at its beginning: of a log, the end matters.
func Tail(text string, limit int) string {
	text = clean(tail(text, 4*limit), keepLines)
	if len(text) <= limit {
		return text
	}
	return cut + tail(text, limit-len(cut))
}

func keepLines(r rune) rune {
	switch r {
	case '\n':
		return r
	case '\t':
		return ' '
	case '\r':
		return -1 // a progress bar, or the line ends of another system
	}
	return r
}

// clean removes what is no part of a text, and maps the rest.
func clean(text string, mapped func(rune) rune) string {
	text = strings.ToValidUTF8(text, string(utf8.RuneError))
	text = escape.ReplaceAllString(text, "")
	return strings.Map(func(r rune) rune {
		switch r = mapped(r); {
		case r == '\n':
			return r
		case unicode.Is(unicode.Bidi_Control, r) || unicode.IsControl(r):
			return -1 // it would show the text in another order, or move the cursor
		}
		return r
	}, text)
}

// head is the beginning of a text, tail its end, without half a character.
func head(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}

func tail(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	start := len(text) - limit
	for start < len(text) && !utf8.RuneStart(text[start]) {
		start++
	}
	return text[start:]
}
