package bootstrap

import "errors"

// Check returns what is wrong with a node, except for its credentials: what a
// plan can tell before anything is made.
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
