package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine"
)

// settings are the parsed command line.
type settings struct {
	simulator.Options
	envFile string
	caFile  string
	verbose bool
	runReal bool
	real    machine.Options
}

func parse(args []string, stderr io.Writer) (settings, error) {
	s := settings{Options: simulator.Options{Users: map[string]string{}}}
	flags := flag.NewFlagSet("gantry-simulator", flag.ContinueOnError)
	flags.SetOutput(stderr)
	s.endpointFlags(flags)
	s.behaviourFlags(flags)
	s.realFlags(flags)
	s.inventoryFlags(flags)
	s.outputFlags(flags)
	if err := flags.Parse(args); err != nil {
		return s, err
	}

	if flags.NArg() > 0 {
		return s, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if err := s.checkRecording(flags); err != nil {
		return s, err
	}
	if !s.runReal && (s.real.Guest != "" || s.real.Binaries != "") {
		return s, errors.New("-guest-binary and -binaries need -real")
	}
	if s.runReal {
		s.Real = &s.real
		return s, s.resolveGuestBinary()
	}
	return s, nil
}

func (s *settings) endpointFlags(flags *flag.FlagSet) {
	flags.StringVar(&s.Listen, "listen", "127.0.0.1:8989", "`host:port` of vCenter")
	flags.StringVar(&s.ProxyListen, "proxy-listen", "127.0.0.1:8990",
		"`host:port` of the HTTP CONNECT proxy into the guest network")
	flags.StringVar(&s.ControlListen, "control-listen", "127.0.0.1:8991",
		"`host:port` of the control API, which has no access control")
	flags.StringVar(&s.Username, "username", simulator.DefaultUsername, "user `name` of the provider's account")
	flags.StringVar(&s.Password, "password", simulator.DefaultPassword, "`password` of the provider's account")
	flags.Func("user", "additional account, `name=password`; may be repeated", s.addUser)
	flags.StringVar(&s.Version, "version", simulator.DefaultVersion, "vCenter `version`")
}

func (s *settings) behaviourFlags(flags *flag.FlagSet) {
	flags.DurationVar(&s.Latency, "latency", 0, "`time` added to every vCenter call")
	flags.DurationVar(&s.TaskDuration, "task-duration", 0, "minimum `time` of a task")
	flags.DurationVar(&s.CloneDuration, "clone-duration", 0, "`time` of a clone beyond that")
	flags.DurationVar(&s.BootDelay, "boot-delay", 0, "`time` of each phase of a guest's boot")
	flags.Func("fault", "fault injection `rule` such as refuse,call=CloneVM_Task,nth=2,fault=HostCommunication; "+
		"kinds are refuse, fail-task, drop-before, drop-after, delay; may be repeated", s.addFault)
}

func (s *settings) realFlags(flags *flag.FlagSet) {
	flags.BoolVar(&s.runReal, "real", false, "boot machines that run real Kubernetes in Linux namespaces; needs root")
	flags.StringVar(&s.real.Guest, "guest-binary", "",
		"with -real: the gantry-guest `file`, the first process of every machine")
	flags.StringVar(&s.real.Binaries, "binaries", "",
		"with -real: the output `directory` of internal/tools/build-kubernetes; default: its default")
}

// checkRecording refuses what changes the standard inventory beside a recording.
func (s *settings) checkRecording(flags *flag.FlagSet) (err error) {
	if s.Recording == "" {
		return nil
	}
	inventory := []string{"hosts", "template", "datastore-cluster", "without-zone-tags", "other-vms", "other-hosts", "version", "real"}
	flags.Visit(func(f *flag.Flag) {
		if slices.Contains(inventory, f.Name) {
			err = errors.Join(err, fmt.Errorf("-%s cannot be combined with -recording", f.Name))
		}
	})
	return err
}

func (s *settings) inventoryFlags(flags *flag.FlagSet) {
	flags.StringVar(&s.Recording, "recording", "",
		"`directory` of a recording of a vCenter, made by govc object.save, to serve its inventory instead of the standard one")
	flags.IntVar(&s.Inventory.HostsPerCluster, "hosts", 3, "`number` of hosts of each compute cluster")
	flags.Func("template", "additional node template with a snapshot, `name=Kubernetes version`; may be repeated", s.addTemplate)
	flags.Func("datastore-cluster",
		"additional datastore cluster with Storage DRS and its datastores, `name=datastore,datastore`; may be repeated", s.addDatastoreCluster)
	flags.BoolVar(&s.Inventory.WithoutZoneTags, "without-zone-tags", false, "omit the k8s-region and k8s-zone tags")
	flags.BoolVar(&s.Inventory.LedgerCategory, "ledger-category", false, "create the tag category gantry")
	flags.IntVar(&s.Inventory.OtherVMs, "other-vms", 0, "`number` of running VMs that Gantry does not own")
	flags.IntVar(&s.Inventory.OtherHosts, "other-hosts", 0, "`number` of more hosts, in compute clusters of 50")
}

func (s *settings) outputFlags(flags *flag.FlagSet) {
	flags.StringVar(&s.envFile, "env-file", "", "`file` for the printed environment; created once the simulator is ready")
	flags.StringVar(&s.caFile, "ca-file", "",
		"`file` for the certificate authority of vCenter's certificate; default: in a temporary directory")
	flags.BoolVar(&s.verbose, "verbose", false, "show the log of the vCenter simulator")
}

func (s *settings) addUser(value string) error {
	name, password, ok := strings.Cut(value, "=")
	if !ok || name == "" {
		return errors.New("expected name=password")
	}
	s.Users[name] = password
	return nil
}

func (s *settings) addFault(value string) error {
	f, err := simulator.ParseFault(value)
	if err != nil {
		return err
	}
	s.Faults = append(s.Faults, f)
	return nil
}

func (s *settings) addTemplate(value string) error {
	name, version, ok := strings.Cut(value, "=")
	if !ok || name == "" || version == "" {
		return errors.New("expected name=version")
	}
	s.Inventory.Templates = append(s.Inventory.Templates, simulator.Template{
		Name:              name,
		KubernetesVersion: version,
		Snapshot:          true,
	})
	return nil
}

func (s *settings) addDatastoreCluster(value string) error {
	name, datastores, ok := strings.Cut(value, "=")
	if !ok || name == "" || datastores == "" {
		return errors.New("expected name=datastore,datastore")
	}
	s.Inventory.DatastoreClusters = append(s.Inventory.DatastoreClusters, simulator.DatastoreCluster{
		Name:       name,
		Datastores: strings.Split(datastores, ","),
		StorageDRS: true,
	})
	return nil
}

func (s *settings) resolveGuestBinary() error {
	if s.real.Guest == "" {
		return errors.New("-real needs -guest-binary")
	}
	path, err := filepath.Abs(s.real.Guest)
	if err != nil {
		return fmt.Errorf("-guest-binary: %w", err)
	}
	s.real.Guest = path
	return nil
}
