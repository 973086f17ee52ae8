package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// FolderID is what the clusters are noted at that use a VM folder which Gantry made,
// given by its reference. It is the id of no record.
func (l *Ledger) FolderID(ref string) uuid.UUID {
	return uuid.NewSHA1(namespace, []byte(strings.Join([]string{l.vcenter, "folder", ref}, "\x00")))
}

// HasNotes reports whether records are noted at an id, as at that of a VM folder which
// Gantry made.
func (s *Snapshot) HasNotes(id uuid.UUID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for slot := range childSlots {
		if s.ids.has(derive(id, childSuffix(slot))) {
			return true
		}
	}
	return false
}

// JoinFolders notes a cluster at VM folders that Gantry made, so that none of them is
// deleted before the cluster has left it. Whether they are still there is to be read
// after this: it waits for a run that is about to delete one, as LeaveFolder does. It
// takes a call for each folder and a list call.
func (s *Lease) JoinFolders(ctx context.Context, refs []string, user record.Ref) error {
	for _, ref := range refs {
		if err := s.l.AddChild(ctx, s.l.FolderID(ref), user); err != nil {
			return err
		}
	}
	listed, err := s.l.list(ctx)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		// Who locks the folder from here on finds the note.
		folder := s.l.FolderID(ref)
		if len(epochsIn(folder, listed)) == 0 {
			continue
		}
		lease, err := s.lockFolder(ctx, folder)
		if err != nil {
			return err
		}
		if err := lease.Release(ctx); err != nil {
			return err
		}
	}
	return nil
}

// LeaveFolder removes the note of a cluster at a VM folder that Gantry made. Where no
// other cluster is noted there, last is called before, while no other can begin to use
// the folder: it deletes it, and returns whether the note stays.
func (s *Lease) LeaveFolder(
	ctx context.Context, ref string, user record.Ref, last func(context.Context) (stays bool, err error),
) error {
	folder := s.l.FolderID(ref)
	lease, err := s.lockFolder(ctx, folder)
	if err != nil {
		return err
	}
	err = lease.leaveFolder(ctx, user, last)
	if rerr := lease.Release(ctx); err == nil && rerr != nil {
		return rerr
	}
	return err
}

// leaveFolder is LeaveFolder with the folder's lock. Who joins the folder has noted
// itself before it looks for a lock: it is in the list that was read behind the lock, or
// waits for its release.
func (s *Lease) leaveFolder(ctx context.Context, user record.Ref, last func(context.Context) (bool, error)) error {
	notes, err := readNotes(ctx, s.l.store, s.record, childSlots, s.listed)
	if err != nil {
		return fmt.Errorf("read who uses a VM folder: %w", err)
	}
	others := slices.ContainsFunc(notes, func(note string) bool { return note != "" && note != user.String() })
	if !others {
		if err := s.Check(ctx); err != nil {
			return err
		}
		if stays, err := last(ctx); err != nil || stays {
			return err
		}
	}
	for slot, note := range notes {
		if note != user.String() {
			continue
		}
		if err := s.l.store.Delete(ctx, derive(s.record, childSuffix(slot))); err != nil {
			return fmt.Errorf("remove %q from a VM folder: %w", note, err)
		}
	}
	return nil
}

// lockFolder takes the lock of a folder, which is no record's: its tag goes with its
// release. Runs of this process take turns, since waiting for another process is slow.
func (s *Lease) lockFolder(ctx context.Context, folder uuid.UUID) (*Lease, error) {
	end, err := s.l.turns.take(ctx, folder)
	if err != nil {
		return nil, err
	}
	lease, err := s.l.Lock(ctx, folder, s.holder)
	if err != nil {
		end()
		return nil, err
	}
	s.l.notePresence(folder, absent)
	context.AfterFunc(lease.Context(), end) // which Release ends
	return lease, nil
}
