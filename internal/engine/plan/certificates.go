package plan

import (
	"slices"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// certificatesSoon is how long before the end of its certificates a plan warns of a node.
// It renews them when half of their year is left, so that something keeps it from that.
const certificatesSoon = 60 * 24 * time.Hour

const (
	certificatesKind = "CertificatesValid"
	// reasonCertificatesExpired is why certificates are not valid. No apply renews them.
	reasonCertificatesExpired = "Expired"
)

// expiry is when the certificates of control-plane nodes end, as the nodes tell.
type expiry struct {
	node   string // whose certificates end first; empty where no node tells
	end    time.Time
	silent []string // nodes that do not tell
}

func certificatesExpiry(facts *model.Facts) expiry {
	var found expiry
	for _, m := range facts.Machines {
		node, joined := facts.API.Nodes[m.Marker.Node]
		switch end := node.CertificatesExpire; {
		case !joined || !m.Marker.ControlPlane():
		case end.IsZero():
			found.silent = append(found.silent, node.Name)
		case found.node == "" || end.Before(found.end):
			found.node = node.Name
			found.end = end
		}
	}
	slices.Sort(found.silent)
	return found
}

func (e expiry) words() string {
	return "The first to end are those of " + e.node + ", at " + e.end.UTC().Format(time.RFC3339) + "."
}

// certificatesCondition says when the first certificates of the control plane end. Nodes
// tell: it is diagnosis, and that they do not is no matter of health.
func certificatesCondition(facts *model.Facts, now time.Time) model.Condition {
	c := model.Condition{Type: certificatesKind, Status: model.ConditionUnknown}
	if !facts.API.Answered() {
		c.Reason = "APIUnknown"
		return c
	}
	found := certificatesExpiry(facts)
	switch left := found.end.Sub(now); {
	case found.node == "":
		c.Reason = "NotReported"
		c.Message = "No control-plane node tells when its certificates end."
		return c
	case left <= 0:
		c.Status = model.ConditionFalse
		c.Reason = reasonCertificatesExpired
	case left < certificatesSoon:
		c.Status = model.ConditionTrue
		c.Reason = "ExpiringSoon"
	default:
		c.Status = model.ConditionTrue
		c.Reason = "Valid"
	}
	c.Message = found.words()
	if len(found.silent) > 0 {
		c.Message += " Not told by " + model.Listed(found.silent) + "."
	}
	return c
}

// Certificates warn of certificates that end soon or have ended. They speak for no step,
// so that the passing of time changes no plan.
func Certificates(facts *model.Facts, now time.Time) model.Findings {
	var f model.Findings
	found := certificatesExpiry(facts)
	if !facts.API.Answered() || found.node == "" || found.end.Sub(now) >= certificatesSoon {
		return f
	}
	f.Warn(controlPlaneField, "Certificates of the control plane end soon",
		"%s Each control-plane node renews its certificates when half of their life is left, and something keeps it from that. "+
			"See why on the node: journalctl -u gantry-certificates.service. "+
			"Start it there once that is fixed: systemctl start gantry-certificates.service. Without valid certificates the API ends.",
		found.words())
	return f
}
