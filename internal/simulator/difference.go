package simulator

import (
	"reflect"

	"github.com/vmware/govmomi/vim25/types"
)

// compare returns the difference between what the client knows and objects,
// which it knows from now on.
func (f *filter) compare(objects []types.ObjectContent) []types.ObjectUpdate {
	var updates []types.ObjectUpdate
	now := make(map[types.ManagedObjectReference]types.ObjectContent, len(objects))
	for _, object := range objects {
		now[object.Obj] = object
		before, known := f.seen[object.Obj]
		update := types.ObjectUpdate{Obj: object.Obj, Kind: types.ObjectUpdateKindModify}
		if !known {
			update.Kind = types.ObjectUpdateKindEnter
			update.MissingSet = object.MissingSet
		}
		update.ChangeSet = difference(before.PropSet, object.PropSet)
		if !known || len(update.ChangeSet) > 0 {
			updates = append(updates, update)
		}
	}
	for ref := range f.seen {
		if _, ok := now[ref]; !ok {
			updates = append(updates, types.ObjectUpdate{Obj: ref, Kind: types.ObjectUpdateKindLeave})
		}
	}
	f.seen = now
	return updates
}

func difference(before, after []types.DynamicProperty) []types.PropertyChange {
	old := make(map[string]any, len(before))
	for _, p := range before {
		old[p.Name] = p.Val
	}
	var changes []types.PropertyChange
	for _, p := range after {
		value, had := old[p.Name]
		delete(old, p.Name)
		if !had || !reflect.DeepEqual(value, p.Val) {
			changes = append(changes, types.PropertyChange{Name: p.Name, Op: types.PropertyChangeOpAssign, Val: p.Val})
		}
	}
	for name := range old {
		changes = append(changes, types.PropertyChange{Name: name, Op: types.PropertyChangeOpRemove})
	}
	return changes
}
