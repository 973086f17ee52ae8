package processes_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/gantry/terraform-provider-gantry/internal/ipam"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

const (
	// claimerVariable makes the test binary a process that claims addresses.
	claimerVariable = "GANTRY_TEST_CLAIMER"

	claimers       = 4
	claimsOfOne    = 25
	claimersBudget = time.Minute
)

// claimerSettings are what a claiming process is told.
type claimerSettings struct {
	Server, Username, Password, CACertificate, InstanceUUID string
	Pool                                                    uuid.UUID
	Cluster                                                 string
}

// pool has exactly as many addresses as are claimed.
func (s claimerSettings) pool() (ledger.IPPool, error) {
	p, err := ipam.New("10.10.183.1", "10.10.183.100", 18, "10.10.128.1")
	return ledger.IPPool{ID: s.Pool, Name: "nodes", Pool: p}, err
}

// claimer is the main function of a claiming process. It prints one address a
// line.
func claimer(settings string) int {
	ctx, cancel := context.WithTimeout(context.Background(), claimersBudget)
	defer cancel()
	if err := claim(ctx, settings); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func claim(ctx context.Context, settings string) error {
	var s claimerSettings
	if err := json.Unmarshal([]byte(settings), &s); err != nil {
		return err
	}
	var sessions vsphere.Sessions
	defer func() { _ = sessions.LogoutAll(context.WithoutCancel(ctx)) }()
	client, err := sessions.Get(ctx, vsphere.Config{
		Server:        s.Server,
		Username:      s.Username,
		Password:      s.Password,
		CACertificate: s.CACertificate,
	})
	if err != nil {
		return err
	}
	pool, err := s.pool()
	if err != nil {
		return err
	}
	l := ledger.New(vsphere.NewTagStore(client), s.InstanceUUID)
	taken, err := l.Snapshot(ctx)
	if err != nil {
		return err
	}
	var group errgroup.Group
	group.SetLimit(8)
	addresses := make([]netip.Addr, claimsOfOne)
	for i := range addresses {
		group.Go(func() (err error) {
			addresses[i], err = l.Claim(ctx, pool, ledger.Owner{Cluster: uuid.MustParse(s.Cluster), Node: fmt.Sprintf("node-%d", i)}, taken)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, addr := range addresses {
		fmt.Println(addr)
	}
	return nil
}

// TestAccClaimsOfManyProcesses has several processes claim all the addresses of
// one pool at the same time: none is claimed twice.
func TestAccClaimsOfManyProcesses(t *testing.T) {
	t.Parallel()
	d := acctest.New(t)
	s := claimerSettings{
		Server: d.Server(), Username: d.Username(), Password: d.Password(), CACertificate: d.CACertificate(),
		InstanceUUID: d.InstanceUUID(), Pool: uuid.New(),
	}
	var group errgroup.Group
	printed := make([]string, claimers)
	for i := range printed {
		s.Cluster = uuid.NewString()
		settings, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		group.Go(func() error {
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), claimerVariable+"="+string(settings))
			var failed strings.Builder
			cmd.Stderr = &failed
			out, err := cmd.Output()
			printed[i] = string(out)
			if err != nil {
				return fmt.Errorf("%w: %s", err, &failed)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	holders := map[string]int{}
	for i, out := range printed {
		for addr := range strings.FieldsSeq(out) {
			if other, ok := holders[addr]; ok {
				t.Errorf("%s is claimed by the processes %d and %d", addr, other, i)
			}
			holders[addr] = i
		}
	}
	if len(holders) != claimers*claimsOfOne {
		t.Errorf("%d different addresses are claimed, and not %d", len(holders), claimers*claimsOfOne)
	}
	if s := d.Sessions(); s.SOAP+s.REST != 0 {
		t.Errorf("%d SOAP and %d REST sessions are left", s.SOAP, s.REST)
	}
}
