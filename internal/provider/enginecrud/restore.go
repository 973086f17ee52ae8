package enginecrud

import (
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
)

// Restorer is implemented by models that may begin with the data of another cluster.
type Restorer interface {
	// Restores reports whether a creation does.
	Restores() bool
}

// newSecrets are those of a creation: certificate authorities that are made for it or,
// where it begins with the data of another cluster, that one's.
func newSecrets(m Model) (*model.Secrets, error) {
	if restorer, ok := m.(Restorer); ok && restorer.Restores() {
		authorities, err := RestoredAuthorities()
		return &model.Secrets{Authorities: authorities}, err
	}
	authorities, err := pki.NewAuthorities(rand.Reader, time.Now())
	if err != nil {
		return nil, fmt.Errorf("make the certificate authorities: %w", err)
	}
	return &model.Secrets{Authorities: authorities}, nil
}

// RestoredAuthorities are those of the cluster that a creation begins with the data of.
func RestoredAuthorities() (*pki.Authorities, error) {
	authorities, err := importAuthorities()
	if authorities == nil && err == nil {
		err = errors.New("a new cluster that is restored from a snapshot has the certificate authorities of the cluster that the " +
			"snapshot is of: set " + ImportAuthorities + " to a directory that holds them, with the names that they have below " +
			"/etc/kubernetes/pki of a control-plane node")
	}
	return authorities, err
}
