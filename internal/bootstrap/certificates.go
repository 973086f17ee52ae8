package bootstrap

import _ "embed"

// certificatesScript renews a control-plane node's certificates.
//
//go:embed certificates.sh
var certificatesScript string

const (
	certificatesScriptPath = "/etc/gantry/certificates.sh"
	certificatesUnitName   = "gantry-certificates.service"
	certificatesTimerName  = "gantry-certificates.timer"
)

// CertificatesExpire is the annotation in which a control-plane node says when the first
// of its certificates ends.
const CertificatesExpire = "gantry.io/certificates-expire"

// certificateFiles renew the certificates that kubeadm has made for a control-plane node,
// which end after a year.
func (n Node) certificateFiles() []writeFile {
	return []writeFile{
		{Path: certificatesScriptPath, Permissions: modeExecutable, Content: withoutComments(certificatesScript)},
		{Path: unitDirectory + certificatesUnitName, Permissions: modePublic, Content: certificatesUnit},
		{Path: unitDirectory + certificatesTimerName, Permissions: modePublic, Content: n.certificatesTimer()},
	}
}

// certificatesUnit runs the script at every boot, too: what the loss of power interrupted
// is resumed, and a machine that was off for long comes back. It is not a oneshot, since
// no boot waits for the turn of a node. The clock has to be right before.
const certificatesUnit = `[Unit]
Description=Renews the certificates of this control-plane node
Wants=network-online.target
After=network-online.target containerd.service ` + unitName + ` time-sync.target

[Service]
Type=simple
ExecStart=` + certificatesScriptPath + `

[Install]
WantedBy=multi-user.target
`

// certificatesTimer runs it every day, at a time of the node's own.
func (n Node) certificatesTimer() string {
	when := "OnCalendar=daily\nRandomizedDelaySec=12h"
	if n.CertificateValidity > 0 {
		when = "OnCalendar=minutely\nRandomizedDelaySec=5\nAccuracySec=1"
	}
	return `[Unit]
Description=Renews the certificates of this control-plane node every day

[Timer]
` + when + `
Persistent=true

[Install]
WantedBy=timers.target
`
}
