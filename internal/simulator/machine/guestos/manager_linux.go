package guestos

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// manager keeps the machine's services.
type manager struct {
	root    string // of unit files; "/" but in tests
	console *console
	reaper  *reaper

	mu       sync.Mutex
	units    map[string]*unit // as they were when they were read
	services map[string]*service
	logs     map[string]*logFile
}

func newManager(root string, console *console, reaper *reaper) *manager {
	return &manager{
		root:     root,
		console:  console,
		reaper:   reaper,
		units:    map[string]*unit{},
		services: map[string]*service{},
		logs:     map[string]*logFile{},
	}
}

// unit returns a service's unit as it was at its first use: changed
// files count only after a reload.
func (m *manager) unit(name string) (*unit, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if u := m.units[name]; u != nil {
		return u, nil
	}
	u, err := loadUnit(m.root, name)
	if err != nil {
		return nil, err
	}
	if len(u.Ignored) > 0 {
		m.console.printf("systemd: %s: without effect here: %s", name, strings.Join(u.Ignored, ", "))
	}
	m.units[name] = u
	return u, nil
}

// reload forgets all units.
func (m *manager) reload() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.units)
}

func (m *manager) service(name string) *service {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.services[name]
	if s == nil {
		s = &service{manager: m, name: name, state: inactive}
		m.services[name] = s
	}
	return s
}

// output returns a service's output: the console if its unit says so, else a
// log in /var/log.
func (m *manager) output(u *unit) (*os.File, error) {
	base := strings.TrimSuffix(u.Name, ".service")
	if u.Console {
		return m.console.pipe(base)
	}
	m.mu.Lock()
	log := m.logs[u.Name]
	if log == nil {
		log = newLogFile(filepath.Join("/var/log", base+".log"))
		m.logs[u.Name] = log
	}
	m.mu.Unlock()
	return lines(log.add)
}

// lament shows on the console that a service failed, with the end of its log.
// Of a service that fails repeatedly only the first failure is logged.
func (m *manager) lament(s *service, err error) {
	m.mu.Lock()
	log := m.logs[s.name]
	m.mu.Unlock()
	s.mu.Lock()
	quiet := s.quiet
	s.quiet = true
	s.mu.Unlock()
	if quiet {
		return
	}
	time.Sleep(50 * time.Millisecond) // for what is still in the pipe
	m.console.printf("systemd: %s failed: %v", s.name, err)
	if log != nil {
		for _, line := range log.last() {
			m.console.printf("%s: %s", strings.TrimSuffix(s.name, ".service"), line)
		}
	}
}

// collectSyslog stores the messages of programs to syslog.
func (m *manager) collectSyslog() error {
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: "/dev/log", Net: "unixgram"})
	if err != nil {
		return err
	}
	log := newLogFile("/var/log/syslog")
	go func() {
		buffer := make([]byte, 64<<10)
		for {
			count, err := socket.Read(buffer)
			if err != nil {
				return
			}
			log.add(strings.TrimRight(string(buffer[:count]), "\n\x00"))
		}
	}()
	return os.Chmod("/dev/log", 0o666)
}

// notifyDirectory has the sockets by which services report readiness.
const notifyDirectory = "/run/systemd/notify.d"

// listenForReady creates the socket by which a service reports readiness.
// The channel is closed when it says READY=1.
func listenForReady(name string) (*net.UnixConn, <-chan struct{}, error) {
	if err := os.MkdirAll(notifyDirectory, 0o755); err != nil {
		return nil, nil, err
	}
	path := filepath.Join(notifyDirectory, name)
	_ = os.Remove(path)
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, nil, err
	}
	ready := make(chan struct{})
	notify := sync.OnceFunc(func() { close(ready) })
	go func() {
		buffer := make([]byte, 4096)
		for {
			// Read on after that: a failed write would end some services.
			count, err := socket.Read(buffer)
			if err != nil {
				return
			}
			if slices.Contains(strings.Split(string(buffer[:count]), "\n"), "READY=1") {
				notify()
			}
		}
	}()
	return socket, ready, nil
}
