package guestos

import (
	"fmt"
	"strings"
)

// splitWords splits a value of a unit file as systemd.syntax(7) says: at blanks,
// with quotes around words or parts of them, backslash escapes, and specifiers.
func splitWords(text string, specifier func(byte) (string, bool)) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord := false
	quote := byte(0)
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
			inWord = true
		case quote == 0 && (c == ' ' || c == '\t' || c == '\n'):
			if inWord {
				words, inWord = append(words, word.String()), false
				word.Reset()
			}
		case c == '\\':
			i++
			if i == len(text) {
				return nil, fmt.Errorf("%q ends in a backslash", text)
			}
			plain, ok := escapes[text[i]]
			if !ok {
				return nil, fmt.Errorf("%q: unknown escape \\%c", text, text[i])
			}
			word.WriteByte(plain)
			inWord = true
		case c == '%' && specifier != nil:
			i++
			if i == len(text) {
				return nil, fmt.Errorf("%q ends in a percent sign", text)
			}
			value, ok := specifier(text[i])
			if !ok {
				return nil, fmt.Errorf("%q: unknown specifier %%%c", text, text[i])
			}
			word.WriteString(value)
			inWord = true
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("%q: a quote is not closed", text)
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}

var escapes = map[byte]byte{
	'\\': '\\', '"': '"', '\'': '\'', 's': ' ', 'n': '\n', 't': '\t', 'r': '\r', ' ': ' ', ';': ';',
}

// command is a command line of a unit with its variables in place.
type command struct {
	arguments []string
	// mayFail says that its exit status does not count.
	mayFail bool
}

// expand makes a command of a command line. $NAME as a word of its own becomes
// the words of the variable's value, ${NAME} inside a word its value as it is.
func (u *unit) expand(line string, environment []string) (command, error) {
	var c command
	line = strings.TrimSpace(line)
	// The other prefixes change privileges, which are all there already.
	for line != "" && strings.ContainsRune("-:+!", rune(line[0])) {
		c.mayFail = c.mayFail || line[0] == '-'
		line = line[1:]
	}
	words, err := splitWords(line, u.specifier)
	if err != nil {
		return c, err
	}
	values := map[string]string{}
	for _, assignment := range environment {
		name, value, _ := strings.Cut(assignment, "=")
		values[name] = value
	}
	for _, word := range words {
		if name, ok := strings.CutPrefix(word, "$"); ok && isVariable(name) {
			more, err := splitWords(values[name], nil)
			if err != nil {
				return c, fmt.Errorf("$%s: %w", name, err)
			}
			c.arguments = append(c.arguments, more...)
			continue
		}
		c.arguments = append(c.arguments, fill(word, values))
	}
	// A bare name is looked for where systemd looks, when it is run.
	if len(c.arguments) == 0 || !strings.HasPrefix(c.arguments[0], "/") && strings.Contains(c.arguments[0], "/") {
		return c, fmt.Errorf("%q names no program by its absolute path", line)
	}
	return c, nil
}

func isVariable(name string) bool {
	for i := range len(name) {
		c := name[i]
		if c != '_' && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}

func fill(word string, values map[string]string) string {
	var filled strings.Builder
	for {
		before, rest, ok := strings.Cut(word, "${")
		filled.WriteString(before)
		if !ok {
			return filled.String()
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed || !isVariable(name) {
			filled.WriteString("${")
			word = rest
			continue
		}
		filled.WriteString(values[name])
		word = after
	}
}

// readEnvironment reads an environment file: assignments, one a line, with
// optional quotes around values, and comments.
func readEnvironment(text string) ([]string, error) {
	var assignments []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if name = strings.TrimSpace(name); !ok || !isVariable(name) {
			continue // as systemd does
		}
		value = strings.TrimSpace(value)
		if value != "" && (value[0] == '"' || value[0] == '\'') {
			words, err := splitWords(value, nil)
			if err != nil {
				return nil, err
			}
			value = strings.Join(words, " ")
		}
		assignments = append(assignments, name+"="+value)
	}
	return assignments, nil
}
