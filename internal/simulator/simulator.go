package simulator

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"
	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// Simulator is a running simulated datacenter. Its methods may be called from
// several goroutines.
type Simulator struct {
	opts       Options
	recorded   string // what is served of a recording
	home       string // directory of the datastores
	service    *vcsim.Service
	registry   *vcsim.Registry
	accountsMu sync.RWMutex
	accounts   map[string]string // lower-case user name to password
	caPEM      []byte

	listener net.Listener
	server   *http.Server
	front    *front
	control  *controlServer
	relay    *relay
	guests   guests

	clock      clock
	rules      rules
	privileges privileges
	pages      sync.Map // token of the next page of a read to the objects that the read names
	sessions   *sessions
	tags       *tagStore
	overrides  *overrides
	changes    *changes
	collectors *collectors
	nfc        *nfcLeases
	policies   *policyService
	libraries  *libraries

	taskDuration  atomic.Int64
	cloneDuration atomic.Int64
	clones        atomic.Int64 // under way
	serial        atomic.Int64 // numbers tasks and boots
	macs          atomic.Int64

	// inventory guards what vCenter shows: everything that changes it holds
	// the lock, and everything that reads more than one object at least reads
	// under it.
	inventory     sync.RWMutex
	userEvents    []types.GeneralUserEvent
	destroyed     []string        // files of destroyed disks
	foreign       []string        // those of them that were not their machine's own
	attached      map[string]bool // files of the disks that others attached
	boots         map[types.ManagedObjectReference]int64
	lasting       map[types.ManagedObjectReference]map[string]bool // options of a running machine that its configuration has
	notifications []func()                                         // of guests, not delivered yet
	initial       initial                                          // what was there from the start
	reserved      map[string]types.ManagedObjectReference          // names that clones have taken: folder/name

	busy              sync.Map   // machine to the task that runs on it
	cloned            sync.Map   // machine to the one of whose disk it has a copy
	notifying         sync.Mutex // serialises notifyGuests
	running           sync.WaitGroup
	closed            chan struct{}
	stopRequested     chan struct{} // closed by the control API's shutdown
	closing, stopOnce sync.Once
}

// Start starts a simulated datacenter. The caller closes it.
func Start(opts Options) (_ *Simulator, err error) {
	opts = opts.withDefaults()
	s := &Simulator{
		opts:          opts,
		accounts:      map[string]string{strings.ToLower(opts.Username): opts.Password},
		sessions:      newSessions(),
		collectors:    newCollectors(),
		nfc:           newNFCLeases(),
		tags:          newTagStore(),
		libraries:     newLibraries(opts.Inventory.Libraries),
		boots:         make(map[types.ManagedObjectReference]int64),
		lasting:       make(map[types.ManagedObjectReference]map[string]bool),
		attached:      make(map[string]bool),
		reserved:      make(map[string]types.ManagedObjectReference),
		changes:       newChanges(),
		closed:        make(chan struct{}),
		stopRequested: make(chan struct{}),
	}
	s.front = newFront(s, opts.Latency)
	s.policies = newPolicyService(s)
	for user, password := range opts.Users {
		s.accounts[strings.ToLower(user)] = password
	}
	s.taskDuration.Store(int64(opts.TaskDuration))
	s.cloneDuration.Store(int64(opts.CloneDuration))
	for _, f := range opts.Faults {
		if err := s.rules.add(f); err != nil {
			return nil, err
		}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()

	if s.home, err = os.MkdirTemp("", "gantry-simulator-"); err != nil {
		return nil, fmt.Errorf("directory of the datastores: %w", err)
	}
	if s.listener, err = net.Listen("tcp", opts.Listen); err != nil {
		return nil, fmt.Errorf("listen for vCenter: %w", err)
	}
	if err := s.startGuests(); err != nil {
		return nil, err
	}
	if err := s.startService(); err != nil {
		return nil, err
	}
	if err := s.serve(); err != nil {
		return nil, err
	}
	if opts.ControlListen != "" {
		if s.control, err = startControl(s, opts.ControlListen); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// startService makes vcsim's service and the inventory.
func (s *Simulator) startService() error {
	model := vcsim.VPX()
	content := model.ServiceContent
	content.About.Version = s.opts.Version
	content.About.ApiVersion = s.opts.Version + ".0"
	content.About.Build = "24022515"
	content.About.Name = "VMware vCenter Server"
	content.About.FullName = fmt.Sprintf("VMware vCenter Server %s build-%s", s.opts.Version, content.About.Build)
	content.About.InstanceUuid = s.opts.InstanceUUID
	if content.About.InstanceUuid == "" {
		content.About.InstanceUuid = uuid.NewString()
	}

	root := model.RootFolder
	var recorded *recording
	if s.opts.Recording != "" {
		var err error
		if recorded, err = readRecording(s.opts.Recording); err != nil {
			return err
		}
		if root, err = recorded.root(); err != nil {
			return err
		}
		content.About = recorded.content.About
		content.RootFolder = root.Self
		s.recorded = recorded.summary()
	}

	if err := s.build(content, root, recorded); err != nil {
		return err
	}

	// vcsim's task manager appends to its lists without a lock.
	s.registry.RemoveHandler(s.registry.Get(*content.TaskManager).(*vcsim.TaskManager))
	s.registry.AddHandler(s.changes)
	s.registry.Handler = s.dispatch
	s.service.Listen = &url.URL{
		Scheme: "https", Host: s.Server(), Path: "/sdk", User: url.UserPassword(s.opts.Username, s.opts.Password),
	}
	manager := s.registry.SessionManager()
	manager.ServiceHostName = s.Server()
	manager.ValidLogin = s.validSOAPLogin
	s.registry.OptionManager().UpdateOptions(&types.UpdateOptions{ChangedValue: []types.BaseOptionValue{
		&types.OptionValue{Key: "vcsim.server.url", Value: "https://" + s.Server() + "/sdk"},
	}})
	s.initial = s.snapshotInitial()
	return nil
}

// build makes the service and its inventory, one simulator after the other: vcsim's own
// models are package variables, to which it also writes.
func (s *Simulator) build(content types.ServiceContent, root mo.Folder, recorded *recording) error {
	buildMu.Lock()
	defer buildMu.Unlock()
	ctx, instance := vcsim.NewServiceInstance(vcsim.NewContext(), content, root)
	s.service = vcsim.New(ctx, instance)
	s.registry = ctx.Map

	s.overrides = &overrides{s: s}
	s.overrides.Self = overridesRef
	s.registry.Put(s.overrides)

	err := s.fill(ctx, recorded)
	for _, object := range s.registry.All("ResourcePool") {
		pool := object.(*vcsim.ResourcePool)
		summary := *pool.Summary.GetResourcePoolSummary()
		pool.Summary = &summary
	}
	return err
}

// fill makes the inventory: the recorded or the standard one.
func (s *Simulator) fill(ctx *vcsim.Context, recorded *recording) error {
	s.createLedgerCategory()
	if recorded != nil {
		return recorded.install(ctx, s.home)
	}
	b := builder{ctx: ctx, home: s.home, opts: s.opts}
	refs, err := b.build()
	if err != nil {
		return err
	}
	templates := append(standardTemplates(), s.opts.Inventory.Templates...)
	for _, t := range templates {
		if err := s.createTemplate(&b, t); err != nil {
			return fmt.Errorf("template %s: %w", t.Name, err)
		}
	}
	if err := s.createOtherVMs(&b); err != nil {
		return fmt.Errorf("other virtual machines: %w", err)
	}
	s.createZoneTags(refs)
	return nil
}

// serve starts vCenter's endpoints over TLS.
func (s *Simulator) serve() error {
	host, _, err := net.SplitHostPort(s.Server())
	if err != nil {
		return fmt.Errorf("address of vCenter: %w", err)
	}
	certificate, ca, err := newCertificate(host)
	if err != nil {
		return err
	}
	s.caPEM = ca
	config := &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	s.registry.SessionManager().TLS = func() *tls.Config { return config }

	s.service.RegisterSDK(s.registry, "/sdk/vimService")
	s.service.RegisterSDK(s.policies.registry())
	mux := s.service.ServeMux
	mux.HandleFunc("/sdk/vimServiceVersions.xml", s.service.ServiceVersions)
	mux.HandleFunc(datastorePrefix, s.serveDatastore)
	mux.HandleFunc(nfcPrefix, s.serveNFC)
	mux.HandleFunc("/rest/com/vmware/cis/session", s.serveSession)
	mux.HandleFunc(taggingPath, s.serveTagging)
	mux.HandleFunc(contentPath, s.serveContent)
	mux.HandleFunc(ovfItemPath, s.serveOVFItem)
	mux.HandleFunc(templateItemPath, s.serveTemplateItem)

	s.front.next = mux
	s.server = &http.Server{
		Handler:  s.front,
		ErrorLog: log.New(io.Discard, "", 0), // clients that hang up are none of our errors
		// No HTTP/2: a dropped connection would take the other calls with it.
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
	}
	go func() { _ = s.server.Serve(tls.NewListener(s.listener, config)) }()
	return nil
}

// Close ends the simulator: guests, listeners, files.
func (s *Simulator) Close() error {
	var err error
	s.closing.Do(func() {
		close(s.closed)
		if s.control != nil {
			err = errors.Join(err, s.control.close())
		}
		if s.server != nil {
			err = errors.Join(err, s.server.Close())
		} else if s.listener != nil {
			err = errors.Join(err, s.listener.Close())
		}
		s.running.Wait()
		if s.relay != nil {
			s.relay.close()
		}
		if s.guests != nil {
			s.guests.Close()
		}
		if s.home != "" {
			err = errors.Join(err, os.RemoveAll(s.home))
		}
	})
	return err
}

// Server returns the host:port of vCenter.
func (s *Simulator) Server() string { return s.listener.Addr().String() }

// URL returns the address of vCenter's SOAP endpoint.
func (s *Simulator) URL() string { return "https://" + s.Server() + "/sdk" }

// Username returns the provider's account.
func (s *Simulator) Username() string { return s.opts.Username }

// Password returns the password of the provider's account.
func (s *Simulator) Password() string { return s.opts.Password }

// InstanceUUID returns vCenter's instance UUID.
func (s *Simulator) InstanceUUID() string {
	return serviceContent(s.service.Context).About.InstanceUuid
}

// CACertificate returns the certificate authority of vCenter's certificate, in PEM.
func (s *Simulator) CACertificate() string { return string(s.caPEM) }

// ProxyURL returns the HTTP CONNECT proxy into the simulated guest network.
func (s *Simulator) ProxyURL() string { return s.relay.url() }

// ControlURL returns the address of the control API; empty without one.
func (s *Simulator) ControlURL() string {
	if s.control == nil {
		return ""
	}
	return s.control.url()
}

// Environment returns the environment variables for a client of this simulator.
func (s *Simulator) Environment() map[string]string {
	env := map[string]string{
		"VSPHERE_SERVER":               s.Server(),
		"VSPHERE_USER":                 s.Username(),
		"VSPHERE_PASSWORD":             s.Password(),
		"VSPHERE_ALLOW_UNVERIFIED_SSL": "true",
		"GANTRY_CLUSTER_PROXY_URL":     s.ProxyURL(),
		"GANTRY_SIMULATOR_CONTROL":     s.ControlURL(),
	}
	maps.DeleteFunc(env, func(_, v string) bool { return v == "" })
	return env
}

func (s *Simulator) logf(format string, args ...any) { log.Printf("simulator: "+format, args...) }
