// Package sshkey reads public SSH keys as users have them: one line of
// authorized_keys, often with the line end that it has in its file.
package sshkey

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/ssh"
)

// The errors of Parse. None of them repeats the text: it may be a private key.
var (
	// ErrPrivate is a private key.
	ErrPrivate = errors.New("it is a private key")
	// ErrSeveral is more than one line.
	ErrSeveral = errors.New("it has several lines, and each key is an element of its own: " +
		`split("\n", trimspace(file("authorized_keys"))) makes a list of a file`)
	// ErrMalformed is no key at all, or one of which a part is missing.
	ErrMalformed = errors.New("it cannot be decoded: it is no public key, or a part of one is missing or changed")
	// ErrCertificate is a certificate, which sshd reads from clients alone.
	ErrCertificate = errors.New("it is an SSH certificate, which sshd does not take as an authorized key. " +
		"Give the public key, or the key of the authority with the option cert-authority before it")
	// ErrDSA is a key of a type that sshd no longer takes.
	ErrDSA = errors.New("it is a DSA key, which sshd refuses. Give one of type ed25519")
)

// dsa is the type of keys that OpenSSH has not taken since 7.0.
const dsa = "ssh-dss"

// Parse returns the key as a line of authorized_keys without blanks around it: any
// options, type, key and comment. What sshd would silently pass over is an error.
func Parse(text string) (string, error) {
	line := Trim(text)
	switch {
	case strings.Contains(line, "PRIVATE KEY"):
		return "", ErrPrivate
	case strings.ContainsAny(line, "\r\n"):
		return "", ErrSeveral
	case !utf8.ValidString(line) || strings.ContainsFunc(line, func(r rune) bool { return r != '\t' && unicode.IsControl(r) }):
		return "", ErrMalformed
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return "", ErrMalformed
	}
	if _, ok := key.(*ssh.Certificate); ok {
		return "", ErrCertificate
	}
	if key.Type() == dsa {
		return "", ErrDSA
	}
	return line, nil
}

// Trim returns a key without the blanks and line ends around it, which mean nothing.
func Trim(text string) string { return strings.TrimSpace(text) }

// Canonical is the one spelling of a key: its options, type and key, without its
// comment. What is no key keeps its words.
func Canonical(text string) string {
	key, _, options, _, err := ssh.ParseAuthorizedKey([]byte(Trim(text)))
	if err != nil {
		return strings.Join(strings.Fields(text), " ")
	}
	line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
	if len(options) == 0 {
		return line
	}
	return strings.Join(options, ",") + " " + line
}
