package vsphere_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

func TestOnlyTheCloneOwnsItsDisks(t *testing.T) {
	t.Parallel()
	const vmx = "[shared-1] prod-cp-1_2/prod-cp-1.vmx"
	flat := func(file, mode string) types.BaseVirtualDeviceBackingInfo {
		return &types.VirtualDiskFlatVer2BackingInfo{
			VirtualDeviceFileBackingInfo: types.VirtualDeviceFileBackingInfo{FileName: file}, DiskMode: mode,
		}
	}
	raw := &types.VirtualDiskRawDiskMappingVer1BackingInfo{}
	raw.FileName = "[shared-1] prod-cp-1_2/prod-cp-1.vmdk"
	for name, test := range map[string]struct {
		backing types.BaseVirtualDeviceBackingInfo
		fcd     string
		vmx     string
		keys    []int32
		want    bool
	}{
		"first disk":  {backing: flat("[shared-1] prod-cp-1_2/prod-cp-1.vmdk", "persistent"), want: true},
		"second disk": {backing: flat("[shared-1] prod-cp-1_2/prod-cp-1_1.vmdk", "persistent"), want: true},
		"linked":      {backing: flat("[shared-1] prod-cp-1_2/prod-cp-1-000001.vmdk", "persistent"), want: true},
		"known key":   {backing: flat("[shared-1] prod-cp-1_2/prod-cp-1.vmdk", "persistent"), keys: []int32{2000}, want: true},
		"a later disk with a known key": {
			backing: flat("[shared-1] prod-cp-1_2/prod-cp-1_1.vmdk", "persistent"), keys: []int32{2000},
		},
		"one of two disks": {
			backing: flat("[shared-1] prod-cp-1_2/prod-cp-1_1.vmdk", "persistent"), keys: []int32{2000, 2001}, want: true,
		},
		"key of a later disk":   {backing: flat("[shared-1] prod-cp-1_2/prod-cp-1_3.vmdk", "persistent"), keys: []int32{2001}},
		"another folder":        {backing: flat("[shared-1] fcd/prod-cp-1.vmdk", "persistent")},
		"a folder below":        {backing: flat("[shared-1] prod-cp-1_2/x/prod-cp-1.vmdk", "persistent")},
		"another datastore":     {backing: flat("[shared-2] prod-cp-1_2/prod-cp-1.vmdk", "persistent")},
		"another name":          {backing: flat("[shared-1] prod-cp-1_2/data.vmdk", "persistent")},
		"a longer name":         {backing: flat("[shared-1] prod-cp-1_2/prod-cp-10.vmdk", "persistent")},
		"independent":           {backing: flat("[shared-1] prod-cp-1_2/prod-cp-1.vmdk", "independent_persistent")},
		"first-class disk":      {backing: flat("[shared-1] prod-cp-1_2/prod-cp-1.vmdk", "persistent"), fcd: "f-1"},
		"raw device":            {backing: raw},
		"no backing":            {},
		"in the datastore root": {backing: flat("[shared-1] prod-cp-1.vmdk", "persistent"), vmx: "[shared-1] prod-cp-1.vmx"},
		"home unknown":          {backing: flat("[shared-1] prod-cp-1_2/prod-cp-1.vmdk", "persistent"), vmx: "none"},
	} {
		disk := &types.VirtualDisk{VirtualDevice: types.VirtualDevice{Key: 2000, Backing: test.backing}}
		if test.fcd != "" {
			disk.VDiskId = &types.ID{Id: test.fcd}
		}
		home := vmx
		if test.vmx == "none" {
			home = ""
		} else if test.vmx != "" {
			home = test.vmx
		}
		if got := vsphere.Cloned(disk, home, test.keys); got != test.want {
			t.Errorf("%s: owned %v, want %v", name, got, test.want)
		}
	}
}

func TestFaultsAreExplained(t *testing.T) {
	t.Parallel()
	ref := types.ManagedObjectReference{Type: "VirtualMachine", Value: "vm-7"}
	fault := soap.WrapVimFault
	several := []types.NoPermissionEntityPrivileges{{Entity: ref, PrivilegeIds: []string{"P.x", "P.y"}}}
	dial := func(err error) error { return &url.Error{Op: "Post", Err: &net.OpError{Op: "dial", Err: err}} }
	for name, test := range map[string]struct {
		err       error
		transient bool
		is        error
		text      string
	}{
		"task in progress":   {err: fault(&types.TaskInProgress{}), transient: true},
		"resource in use":    {err: fault(&types.ResourceInUse{}), transient: true},
		"host out of reach":  {err: fault(&types.HostNotReachable{}), transient: true},
		"host communication": {err: fault(&types.HostCommunication{}), transient: true},
		"disabled by backup": {err: fault(&types.MethodDisabled{}), transient: true},
		"no space":           {err: fault(&types.NoDiskSpace{Datastore: "ds"}), is: model.ErrNoRoom, text: `"ds" is full`},
		"no memory":          {err: fault(&types.InsufficientMemoryResourcesFault{}), is: model.ErrNoRoom, text: "choose another placement"},
		"admission control":  {err: fault(&types.InsufficientFailoverResourcesFault{}), is: model.ErrNoRoom, text: "lack capacity"},
		"no host for DRS": {
			err: fault(&types.GenericDrsFault{HostFaults: []types.LocalizedMethodFault{{Fault: &types.InsufficientMemoryResourcesFault{}}}}),
			is:  model.ErrNoRoom, text: "lack capacity",
		},
		"no host":          {err: fault(&types.NoCompatibleHost{}), is: model.ErrNoRoom, text: "lack capacity"},
		"name taken":       {err: fault(&types.DuplicateName{Name: "n", Object: ref}), is: model.ErrExists, text: "vm-7"},
		"gone":             {err: fault(&types.ManagedObjectNotFound{Obj: ref}), is: model.ErrGone, text: "vm-7"},
		"password expired": {err: fault(&types.PasswordExpired{}), is: vsphere.ErrLogin},
		"one privilege": {
			err: fault(&types.NoPermission{Object: &ref, PrivilegeId: "P.x"}),
			is:  model.ErrPermission, text: "P.x on VirtualMachine vm-7",
		},
		"several privileges": {
			err: fault(&types.NoPermission{MissingPrivileges: several}),
			is:  model.ErrPermission, text: "P.x, P.y on VirtualMachine vm-7",
		},
		"argument": {err: fault(&types.InvalidArgument{InvalidProperty: "spec.location"}), text: "spec.location"},

		"refused":       {err: dial(syscall.ECONNREFUSED), transient: true},
		"reset":         {err: &url.Error{Op: "Post", Err: syscall.ECONNRESET}, transient: true},
		"end of file":   {err: &url.Error{Op: "Post", Err: io.EOF}, transient: true},
		"starting":      {err: &url.Error{Op: "POST", URL: "/sdk", Err: errors.New("503 Service Unavailable")}, transient: true},
		"slow":          {err: &url.Error{Op: "Post", Err: slow{}}, transient: true},
		"unknown name":  {err: dial(&net.DNSError{Name: "vc", IsNotFound: true}), text: "DNS"},
		"cancelled":     {err: &url.Error{Op: "Post", Err: context.Canceled}, is: context.Canceled},
		"out of time":   {err: &url.Error{Op: "Post", Err: context.DeadlineExceeded}, is: context.DeadlineExceeded},
		"anything else": {err: errors.New("what?"), text: "what?"},
	} {
		got := vsphere.Explain(test.err)
		if model.Transient(got) != test.transient {
			t.Errorf("%s: %v: transient %v", name, got, !test.transient)
		}
		if test.is != nil && !errors.Is(got, test.is) {
			t.Errorf("%s: %v is not %v", name, got, test.is)
		}
		if !strings.HasPrefix(got.Error(), "try: ") || !strings.Contains(got.Error(), test.text) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// slow is a timeout of the network, which says that it is a deadline too.
type slow struct{}

func (slow) Error() string        { return "timeout awaiting response headers" }
func (slow) Timeout() bool        { return true }
func (slow) Temporary() bool      { return true }
func (slow) Is(target error) bool { return target == context.DeadlineExceeded }

func TestEscapedNames(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{"plain": "plain", "a%2fb": "a/b", "50%25": "50%", "a%5cb": `a\b`, "%252f": "%2f"} {
		if got := vsphere.ShownName(raw); got != want {
			t.Errorf("%q is %q, want %q", raw, got, want)
		}
	}
}

func TestEscapedNamesAreFound(t *testing.T) {
	t.Parallel()
	const slash, folder, percent = "/dc/network/a%2fb", "/dc/network/a/b", "/dc/network/50%25"
	for wanted, want := range map[string][]string{
		"a/b":            {slash, folder}, // either is spelled so
		"a%2fb":          {slash},
		"a%2Fb":          {slash, folder}, // neither is
		"network/a%2fb":  {slash},
		"50%":            {percent},
		"50%25":          {percent},
		"network/50%":    {percent},
		"b":              {folder},
		"":               nil,
		"/dc/network/50": nil,
	} {
		if got := vsphere.Matches(wanted, slash, folder, percent); !slices.Equal(got, want) {
			t.Errorf("%q matches %v, want %v", wanted, got, want)
		}
	}
	if got := vsphere.Matches("b", slash); len(got) > 0 {
		t.Errorf("the name b matches %v", got)
	}
}

func TestMissingObjectsAreTakenOutOfARead(t *testing.T) {
	t.Parallel()
	ref := func(value string) types.ManagedObjectReference {
		return types.ManagedObjectReference{Type: "VirtualMachine", Value: value}
	}
	specs := []types.PropertyFilterSpec{
		{ObjectSet: []types.ObjectSpec{{Obj: ref("vm-1")}, {Obj: ref("vm-2")}}},
		{ObjectSet: []types.ObjectSpec{{Obj: ref("vm-2")}}},
	}
	if vsphere.Without(specs, ref("vm-3")) || len(specs[0].ObjectSet) != 2 {
		t.Fatalf("specs %+v", specs)
	}
	if !vsphere.Without(specs, ref("vm-2")) || len(specs[0].ObjectSet) != 1 || len(specs[1].ObjectSet) != 0 {
		t.Fatalf("specs %+v", specs)
	}
}
