package guestos

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
)

// controlSocket is where the first process takes systemctl's orders.
const controlSocket = "/run/systemd/control"

// answer is what systemctl says and exits with.
type answer struct {
	Stdout, Stderr string
	Status         int
}

func (a *answer) printf(format string, arguments ...any) {
	a.Stdout += fmt.Sprintf(format+"\n", arguments...)
}

func (a *answer) complain(status int, format string, arguments ...any) {
	a.Stderr += fmt.Sprintf(format+"\n", arguments...)
	a.Status = status
}

// runSystemctl is the program: it hands its arguments on and shows the answer.
func runSystemctl(arguments []string) int {
	connection, err := net.Dial("unix", controlSocket)
	if err != nil {
		fmt.Fprintln(os.Stderr, "Failed to connect to bus:", err)
		return 1
	}
	defer func() { _ = connection.Close() }()
	var a answer
	if err = json.NewEncoder(connection).Encode(arguments); err == nil {
		err = json.NewDecoder(connection).Decode(&a)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "Failed to talk to bus:", err)
		return 1
	}
	fmt.Fprint(os.Stdout, a.Stdout)
	fmt.Fprint(os.Stderr, a.Stderr)
	return a.Status
}

// serve serves systemctl until the machine ends.
func (m *manager) serve() error {
	_ = os.Remove(controlSocket)
	listener, err := net.Listen("unix", controlSocket)
	if err != nil {
		return err
	}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = connection.Close() }()
				var arguments []string
				if json.NewDecoder(connection).Decode(&arguments) == nil {
					_ = json.NewEncoder(connection).Encode(m.systemctl(arguments))
				}
			}()
		}
	}()
	return nil
}

// order is a command line of systemctl.
type order struct {
	verb       string
	units      []string
	properties []string
	value      bool
	quiet      bool
	now        bool
	noBlock    bool
}

func parseOrder(arguments []string) (order, error) {
	var o order
	for i := 0; i < len(arguments); i++ {
		argument := arguments[i]
		switch name, value, inline := strings.Cut(argument, "="); {
		case name == "-p" || name == "--property":
			if !inline {
				i++
				if i == len(arguments) {
					return o, errors.New("option requires an argument -- 'p'")
				}
				value = arguments[i]
			}
			o.properties = append(o.properties, strings.Split(value, ",")...)
		case strings.HasPrefix(argument, "-p"):
			o.properties = append(o.properties, strings.Split(argument[2:], ",")...)
		case argument == "--value":
			o.value = true
		case argument == "-q" || argument == "--quiet":
			o.quiet = true
		case argument == "--now":
			o.now = true
		case argument == "--no-block":
			o.noBlock = true
		case slices.Contains([]string{"--no-pager", "--no-ask-password", "--system", "--all", "-a", "--full", "-l", "--no-legend",
			"--plain", "--type=swap"}, argument):
		case strings.HasPrefix(argument, "-"):
			return o, fmt.Errorf("unrecognized option '%s'", argument)
		case o.verb == "":
			o.verb = argument
		default:
			o.units = append(o.units, serviceName(argument))
		}
	}
	return o, nil
}

// serviceName completes a name without a suffix.
func serviceName(name string) string {
	for _, suffix := range []string{".service", ".target", ".socket", ".timer", ".path", ".mount", ".slice"} {
		if strings.HasSuffix(name, suffix) {
			return name
		}
	}
	return name + ".service"
}

func (m *manager) systemctl(arguments []string) answer {
	var a answer
	o, err := parseOrder(arguments)
	if err != nil {
		a.complain(1, "systemctl: %v", err)
		return a
	}
	switch o.verb {
	case "daemon-reload", "daemon-reexec":
		m.reload()
		return a
	case "reset-failed":
		return a
	case "list-units", "list-unit-files":
		if !slices.Contains(arguments, "--type=swap") {
			a.complain(1, "systemctl: only units of swap are listed here, of which there are none")
		}
		return a
	case "":
		a.complain(1, "systemctl: without a verb it would list units, which it does not here")
		return a
	}
	verb, ok := verbs[o.verb]
	if !ok {
		a.complain(1, "Unknown command verb %s.", o.verb)
		return a
	}
	if len(o.units) == 0 {
		a.complain(1, "Too few arguments.")
		return a
	}
	for _, name := range o.units {
		verb(m, &a, o, name)
	}
	return a
}
