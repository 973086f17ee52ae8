package vsphere

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/vmware/govmomi/vim25/types"
)

// methodFault finds the vSphere fault that an error carries, and its message.
func methodFault(err error) (types.BaseMethodFault, string) {
	for err != nil {
		if f, ok := err.(interface{ Fault() types.BaseMethodFault }); ok {
			if fault := f.Fault(); fault != nil {
				return fault, err.Error()
			}
			return nil, ""
		}
		u, ok := err.(interface{ Unwrap() error })
		if !ok {
			return nil, ""
		}
		err = u.Unwrap()
	}
	return nil, ""
}

// explainFault says what a fault means, for which account, and what to do.
func (c *Client) explainFault(fault types.BaseMethodFault, message string) *Error {
	e := &Error{Reason: faultText(fault, message)}
	switch f := fault.(type) {
	case *types.NotAuthenticated:
		e.kind = kindTransient
		e.Reason = "the session ended and was not renewed in time"
	case types.BaseInvalidLogin:
		e.kind = kindLogin
		e.Reason = fmt.Sprintf("vCenter %s refuses the user name or the password of %q", c.config.Server, c.config.Username)
	case *types.NoPermission:
		e.kind = kindPermission
		e.Reason = c.missingPrivilege(f)
		e.Advice = "grant the privilege to the account, or use one that has it"
	case *types.DuplicateName:
		e.kind = kindExists
		e.Reason = fmt.Sprintf("the name %q is already in use, by %s", f.Name, c.path(f.Object))
	case *types.AlreadyExists:
		e.kind = kindExists
		e.Reason = fmt.Sprintf("%q already exists", f.Name)
	case *types.ManagedObjectNotFound:
		e.kind = kindGone
		e.Reason = fmt.Sprintf("%s no longer exists", c.path(f.Obj))
	case *types.NoDiskSpace:
		e.kind = kindNoRoom
		e.Reason = fmt.Sprintf("datastore %q is full", f.Datastore)
		e.Advice = "free space on it, or choose another datastore"
	case *types.InvalidDatastorePath, *types.FileNotFound, *types.CannotAccessFile:
		e.Advice = "check whether the datastore is mounted and the template's files exist"
	case *types.GenericDrsFault:
		if slices.ContainsFunc(f.HostFaults, lacksCapacity) {
			e.kind = kindNoRoom
			e.Advice = "the hosts lack capacity: free resources, or choose another placement"
		}
	case types.BaseInsufficientResourcesFault, types.BaseNoCompatibleHost:
		e.kind = kindNoRoom
		e.Advice = "the resource pool or the hosts lack capacity: free resources, or choose another placement"
	}
	if e.kind == kindPermanent && transient(fault) {
		e.kind = kindTransient
	}
	return e
}

// lacksCapacity reports whether a host has too little for a VM, as DRS says of each.
func lacksCapacity(f types.LocalizedMethodFault) bool {
	_, lacks := f.Fault.(types.BaseInsufficientResourcesFault)
	return lacks
}

// transient reports whether a fault is one of those that end by themselves:
// another task holds the object, or a host is disconnected.
func transient(fault types.BaseMethodFault) bool {
	switch fault.(type) {
	case types.BaseTaskInProgress, types.BaseResourceInUse, types.BaseHostCommunication,
		*types.ConcurrentAccess, *types.FileLocked, *types.MethodDisabled, *types.Timedout,
		*types.ResourceNotAvailable, *types.ToolsUnavailable:
		return true
	}
	return false
}

func (c *Client) missingPrivilege(f *types.NoPermission) string {
	who := fmt.Sprintf("the account %q", c.config.Username)
	if len(f.MissingPrivileges) > 0 {
		var parts []string
		for _, m := range f.MissingPrivileges {
			parts = append(parts, strings.Join(m.PrivilegeIds, ", ")+" on "+c.path(m.Entity))
		}
		return who + " lacks " + strings.Join(parts, "; ")
	}
	if f.PrivilegeId == "" {
		return who + " lacks a privilege"
	}
	if f.Object == nil {
		return who + " lacks " + f.PrivilegeId
	}
	return who + " lacks " + f.PrivilegeId + " on " + c.path(*f.Object)
}

// faultText is vCenter's own words for a fault, or at least its name.
func faultText(fault types.BaseMethodFault, message string) string {
	name := strings.TrimPrefix(reflect.Indirect(reflect.ValueOf(fault)).Type().Name(), "types.")
	message = strings.TrimSpace(strings.TrimPrefix(message, "ServerFaultCode:"))
	var details []string
	if m := fault.GetMethodFault(); m != nil {
		for _, f := range m.FaultMessage {
			if f.Message != "" && !slices.Contains(details, f.Message) && f.Message != message {
				details = append(details, f.Message)
			}
		}
	}
	if message == "" || message == name {
		message = name
	} else {
		message = strings.TrimSuffix(message, ".") + " [" + name + "]"
	}
	if v, ok := fault.(*types.InvalidArgument); ok && v.InvalidProperty != "" && !strings.Contains(message, v.InvalidProperty) {
		message += ": " + v.InvalidProperty
	}
	if len(details) > 0 {
		message += ": " + strings.Join(details, "; ")
	}
	return message
}

// isFault reports whether an error carries a fault of type T.
func isFault[T any](err error) bool {
	f, _ := methodFault(err)
	_, ok := any(f).(T)
	return ok
}
