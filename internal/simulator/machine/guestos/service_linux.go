package guestos

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"
)

// service is one that was used since boot.
type service struct {
	manager *manager
	name    string

	// operation is held while the service is being started or stopped.
	operation sync.Mutex
	// epoch counts operations: what waits to act later sees that another came
	// before. It belongs to operation.
	epoch int
	unit  *unit // as of the last start; likewise

	mu       sync.Mutex
	state    string
	main     *process
	since    time.Time
	restarts int
	// quiet says that the console has seen the end of the log of a service
	// that keeps failing.
	quiet bool
}

// States of a service, as systemctl names them.
const (
	inactive     = "inactive"
	activating   = "activating"
	active       = "active"
	deactivating = "deactivating"
	failed       = "failed"
)

func (s *service) become(state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = state
	s.since = time.Now()
}

// status returns the state and the process id of a running service.
func (s *service) status() (state string, pid int, since time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.main != nil {
		pid = s.main.pid
	}
	return s.state, pid, s.since
}

func (s *service) start() error {
	s.operation.Lock()
	defer s.operation.Unlock()
	if state, _, _ := s.status(); state == active {
		return nil
	}
	return s.begin()
}

// begin starts the service. The operation is held.
func (s *service) begin() error {
	u, err := s.manager.unit(s.name)
	if err != nil {
		return err
	}
	s.unit = u
	s.epoch++
	s.become(activating)
	if err := s.launch(u); err != nil {
		err = fmt.Errorf("%s: %w", s.name, err)
		if _, pid, _ := s.status(); pid == 0 {
			// No process is watched, so nothing else reports it.
			s.ended(err)
		}
		return err
	}
	return nil
}

func (s *service) launch(u *unit) error {
	environment, err := u.environment(s.manager.root, baseEnvironment())
	if err != nil {
		return err
	}
	for _, line := range u.StartPre {
		if err := s.runToEnd(u, line, environment); err != nil {
			return fmt.Errorf("ExecStartPre: %w", err)
		}
	}
	if u.Type == "oneshot" {
		for _, line := range u.Start {
			if err := s.runToEnd(u, line, environment); err != nil {
				return err
			}
		}
		s.become(inactive)
		if u.RemainAfterExit {
			s.become(active)
		}
		return nil
	}
	main, ready, err := s.spawnMain(u, environment)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.main = main
	s.mu.Unlock()
	go s.watch(main, s.epoch)
	select {
	case <-ready:
	case <-main.done:
		return errors.Join(errors.New("ended before it was ready"), exitError(main.status))
	case <-after(u.StartTimeout):
		_ = syscall.Kill(main.pid, syscall.SIGKILL)
		return fmt.Errorf("not ready within %s", u.StartTimeout)
	}
	for _, line := range u.StartPost {
		if err := s.runToEnd(u, line, environment); err != nil {
			return fmt.Errorf("ExecStartPost: %w", err)
		}
	}
	s.become(active)
	return nil
}

// spawnMain starts the main process. It counts as ready when the channel is
// closed.
func (s *service) spawnMain(u *unit, environment []string) (*process, <-chan struct{}, error) {
	c, err := u.expand(u.Start[0], environment)
	if err != nil {
		return nil, nil, err
	}
	if u.Type != "notify" {
		ready := make(chan struct{})
		close(ready)
		main, err := s.spawn(u, c, environment)
		return main, ready, err
	}
	socket, ready, err := listenForReady(s.name)
	if err != nil {
		return nil, nil, err
	}
	main, err := s.spawn(u, c, append(environment, "NOTIFY_SOCKET="+socket.LocalAddr().String()))
	if err != nil {
		_ = socket.Close()
		return nil, nil, err
	}
	go func() {
		<-main.done
		_ = socket.Close()
	}()
	return main, ready, nil
}

func (s *service) runToEnd(u *unit, line string, environment []string) error {
	c, err := u.expand(line, environment)
	if err != nil {
		return err
	}
	p, err := s.spawn(u, c, environment)
	if err != nil {
		return err
	}
	<-p.done
	if c.mayFail {
		return nil
	}
	return exitError(p.status)
}

func (s *service) group() string { return "system.slice/" + s.name }

func (s *service) spawn(u *unit, c command, environment []string) (*process, error) {
	output, err := s.manager.output(u)
	if err != nil {
		return nil, err
	}
	defer func() { _ = output.Close() }()
	return s.manager.reaper.start(execution{
		Arguments:      c.arguments,
		Environment:    environment,
		Directory:      u.WorkingDirectory,
		Group:          s.group(),
		Limits:         u.Limits,
		OOMScoreAdjust: u.OOMScoreAdjust,
	}, output)
}

// watch waits for the end of a main process and does what the unit says then.
func (s *service) watch(main *process, epoch int) {
	<-main.done
	s.operation.Lock()
	defer s.operation.Unlock()
	if s.epoch != epoch {
		return // it was stopped
	}
	s.mu.Lock()
	s.main = nil
	s.mu.Unlock()
	s.ended(exitError(main.status))
}

// ended records how the service ended by itself, and has it start again if the
// unit wants that. The operation is held.
func (s *service) ended(err error) {
	s.mu.Lock()
	if s.state == active && time.Since(s.since) > time.Minute {
		s.quiet = false // that was something else than this
	}
	s.mu.Unlock()
	s.become(inactive)
	if err != nil {
		s.become(failed)
		s.manager.lament(s, err)
	}
	if s.unit == nil || s.unit.Type == "oneshot" || !s.unit.restarts(err == nil) {
		return
	}
	s.become(activating)
	s.mu.Lock()
	s.restarts++
	s.mu.Unlock()
	epoch, delay := s.epoch, s.unit.RestartDelay
	go func() {
		time.Sleep(delay)
		s.operation.Lock()
		defer s.operation.Unlock()
		if s.epoch == epoch {
			_ = s.begin() // ended reports it
		}
	}()
}

func (s *service) stop() {
	s.operation.Lock()
	defer s.operation.Unlock()
	s.end()
}

// end stops the service. The operation is held.
func (s *service) end() {
	s.epoch++ // also for one that waits to be started again
	s.mu.Lock()
	main := s.main
	s.mu.Unlock()
	if main == nil {
		s.become(inactive)
		return
	}
	s.become(deactivating)
	environment, _ := s.unit.environment(s.manager.root, baseEnvironment())
	for _, line := range s.unit.Stop {
		if err := s.runToEnd(s.unit, line, append(environment, fmt.Sprintf("MAINPID=%d", main.pid))); err != nil {
			s.manager.console.printf("systemd: %s: ExecStop: %v", s.name, err)
		}
	}
	s.signal(main, syscall.SIGTERM, s.unit.KillMode == "control-group")
	select {
	case <-main.done:
	case <-after(s.unit.StopTimeout):
	}
	s.signal(main, syscall.SIGKILL, s.unit.KillMode != "process")
	<-main.done
	s.mu.Lock()
	s.main = nil
	s.mu.Unlock()
	s.become(inactive)
}

func (s *service) signal(main *process, signal syscall.Signal, all bool) {
	select {
	case <-main.done:
	default:
		_ = syscall.Kill(main.pid, signal)
	}
	if !all {
		return
	}
	for _, pid := range inGroup(s.group()) {
		if pid != main.pid && pid != os.Getpid() {
			_ = syscall.Kill(pid, signal)
		}
	}
}

func (s *service) restart() error {
	s.operation.Lock()
	defer s.operation.Unlock()
	s.end()
	return s.begin()
}
