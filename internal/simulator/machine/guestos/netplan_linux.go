package guestos

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/wire"
)

// runNetplan is the stand-in of netplan: generate checks the files, apply
// configures the network card by them too.
func runNetplan(arguments []string) int {
	if len(arguments) == 0 || arguments[0] != "generate" && arguments[0] != "apply" && arguments[0] != "info" {
		fmt.Fprintln(os.Stderr, "netplan: only generate, apply and info are understood here")
		return 2
	}
	if arguments[0] == "info" {
		fmt.Println("netplan.io:\n  website: https://netplan.io/\n  features: []")
		return 0
	}
	err := configureNetwork(arguments[0] == "apply")
	if err != nil {
		fmt.Fprintln(os.Stderr, "netplan:", err)
		return 1
	}
	return 0
}

func configureNetwork(apply bool) error {
	files, err := filepath.Glob("/etc/netplan/*.yaml")
	if err != nil || len(files) == 0 {
		return errors.Join(errors.New("nothing in /etc/netplan"), err)
	}
	if len(files) > 1 {
		return fmt.Errorf("files are not merged here: %s", strings.Join(files, ", "))
	}
	document, err := os.ReadFile(files[0])
	if err != nil {
		return err
	}
	card, err := net.InterfaceByName(wire.Interface)
	if err != nil {
		return err
	}
	plan, err := planNetwork(document, card.HardwareAddr.String())
	if err != nil {
		return fmt.Errorf("%s: %w", files[0], err)
	}
	if !apply {
		return nil
	}
	if plan.acceptRA != nil {
		value := "0"
		if *plan.acceptRA {
			value = "2" // routers forward, and kubelet makes this one
		}
		setting := "/proc/sys/net/ipv6/conf/" + wire.Interface + "/accept_ra"
		if err := os.WriteFile(setting, []byte(value), 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	ip := exec.Command("ip", "-batch", "-")
	ip.Stdin = strings.NewReader(strings.Join(plan.commands(), "\n") + "\n")
	if output, err := ip.CombinedOutput(); err != nil {
		return fmt.Errorf("ip: %w: %s", err, strings.TrimSpace(string(output)))
	}
	if plan.dhcp {
		return takeLease()
	}
	awaitAddresses(5 * time.Second)
	return os.WriteFile("/etc/resolv.conf", []byte(plan.resolver()), 0o644)
}

// takeLease asks for a lease by the host name, which cloud-init has set by now. Without one the
// machine goes on, as a real one would.
func takeLease() error {
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	if err := write(leaseScript, leaseScriptText, 0o755); err != nil {
		return err
	}
	name, _, _ = strings.Cut(name, ".")
	arguments := leaseClient(name)
	if output, err := exec.Command(arguments[0], arguments[1:]...).CombinedOutput(); err != nil {
		fmt.Printf("no DHCP server answers: %s\n", strings.TrimSpace(string(output)))
	}
	return nil
}

// awaitAddresses waits until no address of IPv6 is tentative any more: no process can
// listen on one that is.
func awaitAddresses(patience time.Duration) {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		output, err := exec.Command("ip", "-6", "-oneline", "address", "show", "dev", wire.Interface, "scope", "global", "tentative").Output()
		if err != nil || len(output) == 0 {
			return
		}
	}
}
