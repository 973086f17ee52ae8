package guest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/cloudinit"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeadm"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeapi"
)

const (
	renewalScript  = "/etc/gantry/certificates.sh"
	renewalService = "gantry-certificates.service"
	renewalTimer   = "gantry-certificates.timer"

	// annotationExpire is where a control-plane node says when the first of its
	// certificates ends.
	annotationExpire = "gantry.io/certificates-expire"
	// certificateLife is how long those of kubeadm are valid.
	certificateLife = 365 * 24 * time.Hour
)

func checkRenewalService(inst *cloudinit.Instance) error {
	settings, err := unitSettings(inst, renewalService)
	if err != nil {
		return err
	}
	if err := needs(renewalService, settings, map[string]string{
		"Wants":    "network-online.target",
		"After":    "network-online.target containerd.service gantry-bootstrap.service",
		"WantedBy": "multi-user.target",
	}); err != nil {
		return err
	}
	if settings["Type"] == "oneshot" {
		return fmt.Errorf("%s: a boot would wait until it is the node's turn", renewalService)
	}
	if settings["ExecStart"] != renewalScript {
		return fmt.Errorf("%s does not run %s", renewalService, renewalScript)
	}
	return checkScript(inst, renewalScript)
}

func checkRenewalTimer(inst *cloudinit.Instance) error {
	settings, err := unitSettings(inst, renewalTimer)
	if err != nil {
		return err
	}
	if err := needs(renewalTimer, settings, map[string]string{"WantedBy": "timers.target"}); err != nil {
		return err
	}
	if when := settings["OnCalendar"]; !slices.Contains([]string{"minutely", "hourly", "daily", "weekly"}, when) {
		return fmt.Errorf("%s: OnCalendar=%s: not understood here", renewalTimer, when)
	}
	if settings["Persistent"] != "true" {
		return fmt.Errorf("%s: a machine that is off at the time would miss it", renewalTimer)
	}
	if settings["RandomizedDelaySec"] == "" {
		return fmt.Errorf("%s: all nodes would renew at the same time", renewalTimer)
	}
	return nil
}

// renewalIsOn expects on a control-plane node that its certificates are renewed.
func renewalIsOn(inst *cloudinit.Instance, enabled, started map[string]bool) error {
	if _, ok := inst.Files[kubeadm.KubeVIPManifest]; !ok {
		return nil
	}
	if !enabled[renewalService] || !enabled[renewalTimer] || !started[renewalTimer] {
		return errors.New("nothing renews the certificates of this control plane, which end after a year")
	}
	return nil
}

// renew is the script that renews a control-plane node's certificates, which runs when
// the node has joined and at every boot, and tells when they end. Its timer does not run
// in simulated time: a clock that a test advances by months finds them as they were.
func (g *guest) renew() error {
	n := g.disk.node
	if !n.controlPlane {
		return nil
	}
	now := g.world.options.Now()
	g.world.mu.Lock()
	if n.expire.Sub(now) < certificateLife/2 {
		n.expire = now.Add(certificateLife)
	}
	expire := n.expire.UTC().Format(time.RFC3339)
	g.world.mu.Unlock()
	_, err := n.cluster.store.Change(kubeapi.Nodes, "", n.name, func(o *kubeapi.Object) error {
		annotations := o.GetAnnotations()
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[annotationExpire] = expire
		o.SetAnnotations(annotations)
		return nil
	})
	return err
}
