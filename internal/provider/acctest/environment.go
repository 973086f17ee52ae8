// Package acctest gives acceptance tests a simulated datacenter of their own
// and a provider that is connected to it.
package acctest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/provider"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

// Environment is a simulated datacenter with the provider's way into it.
type Environment struct {
	*simulator.Simulator

	t  testing.TB
	mu sync.Mutex
	// impatient is set where the provider is cut off from everything: whether a
	// cluster's API comes back is not waited out as it would be outside of tests.
	impatient bool
	// identity is the file with the gateway on whose agent the provider runs.
	identity string
	// processes are one for each run of Terraform, as outside of tests, and one
	// of the test itself.
	processes []*connection.Process
	own       *connection.Connection
}

// New starts a simulated datacenter that ends with the test. It skips the test
// where acceptance tests are not asked for.
func New(t testing.TB, options ...simulator.Options) *Environment {
	t.Helper()
	if os.Getenv(resource.EnvTfAcc) == "" {
		t.Skipf("acceptance tests run with %s=1", resource.EnvTfAcc)
	}
	var o simulator.Options
	if len(options) > 0 {
		o = options[0]
	}
	s, err := simulator.Start(o)
	if err != nil {
		t.Fatalf("start the simulated datacenter: %v", err)
	}
	e := &Environment{Simulator: s, t: t}
	e.own = e.process().New(e.Settings())
	t.Cleanup(e.end)
	return e
}

// end stops the datacenter and lets go of it: package testing keeps the cleanup functions
// of a parallel test, with all that they name, until the last test of the package is over.
func (e *Environment) end() {
	_ = e.logout()
	if err := e.Close(); err != nil {
		e.t.Errorf("stop the simulated datacenter: %v", err)
	}
	e.Simulator, e.processes, e.own = nil, nil, nil
}

// Settings connect as the provider does.
func (e *Environment) Settings() connection.Settings {
	return connection.Settings{
		Server: e.Server(), Username: e.Username(), Password: e.Password(),
		CACertificate: e.CACertificate(), ClusterProxyURL: e.ProxyURL(), MaxParallel: 8,
	}
}

// Factories are the provider's, one process for each run of Terraform.
func (e *Environment) Factories() map[string]func() (tfprotov6.ProviderServer, error) {
	return map[string]func() (tfprotov6.ProviderServer, error){
		"gantry": func() (tfprotov6.ProviderServer, error) {
			return providerserver.NewProtocol6WithError(provider.NewIn(e.process(), "test")())()
		},
	}
}

func (e *Environment) process() *connection.Process {
	// What is cut off from vCenter in an interruption gives up sooner here.
	timing := model.DefaultTiming()
	timing.RetryBudget, timing.OffLimit, timing.Backoff = 5*time.Second, 5*time.Second, 50*time.Millisecond
	timing.StuckPause = 50 * time.Millisecond
	timing.AnswerWait = time.Second
	timing.VIPRetry = 35 * time.Millisecond
	if e.impatient {
		timing.APITimeout, timing.RetryBudget = 5*time.Second, 500*time.Millisecond
	}
	p := &connection.Process{Timing: &timing, Identity: e.identity}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.processes = append(e.processes, p)
	return p
}

// RunOnAgentOf has the provider run on an agent of a gateway from now on; uuid.Nil: on none.
func (e *Environment) RunOnAgentOf(gateway uuid.UUID) {
	e.t.Helper()
	file := filepath.Join(e.t.TempDir(), "gateway")
	if gateway != uuid.Nil {
		if err := os.WriteFile(file, []byte(gateway.String()), 0o600); err != nil {
			e.t.Error(err)
		}
	}
	e.identity = file
}

// Config is a configuration with the provider block in front.
func (e *Environment) Config(hcl string) string { return e.Provider() + hcl }

// Provider is the provider block.
func (e *Environment) Provider() string {
	proxy := ""
	if url := e.ProxyURL(); url != "" {
		proxy = fmt.Sprintf("  cluster_proxy_url = %q\n", url)
	}
	return fmt.Sprintf(`
provider "gantry" {
  vcenter_server    = %q
  username          = %q
  password          = %q
  ca_certificate    = %q
%s}
`, e.Server(), e.Username(), e.Password(), e.CACertificate(), proxy)
}

// Ledger is the ledger, for what a test does behind Terraform's back.
func (e *Environment) Ledger() *ledger.Ledger {
	e.t.Helper()
	l, err := e.own.Ledger(e.t.Context())
	if err != nil {
		e.t.Fatalf("open the ledger: %v", err)
	}
	return l
}

// VCenter is a session of the test's own, for what an administrator does.
func (e *Environment) VCenter() *vsphere.Client {
	e.t.Helper()
	vcenter, err := e.own.VCenter(e.t.Context())
	if err != nil {
		e.t.Fatalf("connect to the simulated vCenter: %v", err)
	}
	return vcenter
}

// Tags is the category of the ledger, for what an administrator does to its tags
// by hand.
func (e *Environment) Tags() ledger.Store {
	e.t.Helper()
	return vsphere.NewTagStore(e.VCenter())
}

// TagNamed finds the tag of the ledger whose name ends in suffix, by reading all
// of them.
func (e *Environment) TagNamed(suffix string) ledger.Tag {
	e.t.Helper()
	store, ctx := e.Tags(), e.t.Context()
	ids, err := store.List(ctx)
	if err != nil {
		e.t.Fatalf("list the ledger's tags: %v", err)
	}
	for _, id := range ids {
		if tag, err := store.Get(ctx, id); err == nil && strings.HasSuffix(tag.Name, suffix) {
			return tag
		}
	}
	e.t.Fatalf("no tag's name ends in %q", suffix)
	return ledger.Tag{}
}

// Words is a pattern for words of a diagnostic, which Terraform wraps and
// frames.
func Words(s string) *regexp.Regexp {
	fields := strings.Fields(s)
	for i, f := range fields {
		fields[i] = regexp.QuoteMeta(f)
	}
	return regexp.MustCompile(strings.Join(fields, `[\s│]+`))
}

// CheckDestroy is the CheckDestroy of every test: after a destroy there is no
// machine, folder, tag or rule that was not there before, and no session once
// the provider's processes have ended.
func (e *Environment) CheckDestroy(*terraform.State) error {
	if err := e.logout(); err != nil {
		return err
	}
	var errs []error
	left := e.Leftovers()
	// The tag that marks the ledger's category stays as long as the category.
	left.Tags = slices.DeleteFunc(left.Tags, func(name string) bool { return name == "!gantry" })
	if !left.Empty() {
		errs = append(errs, fmt.Errorf("left behind: %+v", left))
	}
	if s := e.Sessions(); s.SOAP+s.REST > 0 {
		errs = append(errs, fmt.Errorf("sessions left behind: %d SOAP, %d REST", s.SOAP, s.REST))
	}
	return errors.Join(errs...)
}

func (e *Environment) logout() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	e.mu.Lock()
	defer e.mu.Unlock()
	var errs []error
	for _, p := range e.processes {
		errs = append(errs, p.LogoutAll(ctx))
	}
	return errors.Join(errs...)
}
