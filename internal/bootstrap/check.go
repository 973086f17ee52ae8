package bootstrap

import "errors"

// Check returns the errors of a node, except for its credentials: those that a
// plan can report before anything is created.
func Check(n Node) []*FieldError {
	var p problems
	n.validateIdentity(&p)
	n.validateNetwork(&p)
	n.validateLabels(&p)
	n.validateAccess(&p)
	var out []*FieldError
	for _, err := range p {
		var field *FieldError
		if errors.As(err, &field) {
			out = append(out, field)
		}
	}
	return out
}
