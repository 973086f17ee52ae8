package model

// BeforeWorkers reports whether the pack is applied before the workers join. Its objects are
// waited for after that, since some of them may have no node until then.
func (k Pack) BeforeWorkers() bool { return k.Layer == LayerCNI || k.Layer == LayerCPI }

// WaitsAgain reports whether an apply applies a pack again, and waits for its objects, although it is
// applied as it is to be: none has seen them ready since. What is missing by then, as a Job that a
// user has deleted since it failed, is made anew.
func (k Pack) WaitsAgain(have AppliedPack) bool {
	return k.Wait && k.Chart == nil && have.NotReady && k.Applied(have)
}

// EarlierLayer reports whether a pack has to be there before one of another layer is applied. The
// pods of a pod network may need the cloud provider, which lets them onto nodes: it waits for none.
func (k Pack) EarlierLayer(than Pack) bool {
	switch k.Layer {
	case LayerCNI, LayerCPI:
		return !than.BeforeWorkers()
	case LayerCSI:
		return !than.BeforeWorkers() && than.Layer != LayerCSI
	}
	return false
}

// NotReady is an object of a pack that is not ready.
type NotReady struct {
	PackObject
	// Why is what kstatus says of it.
	Why string
	// Failed says that it does not become ready any more by itself.
	Failed bool
}

// ActionWaitForPack is the action on a pack whose objects are waited for by a step of its own.
const ActionWaitForPack Action = "wait_for_pack" // target: the pack

// WaitForPack waits until the objects of a pack of manifests are ready that was applied before. It
// changes nothing.
type WaitForPack struct {
	Pack Pack
	// Only are the objects that are waited for; none: all of them.
	Only []ObjectRef
}

// Change implements Step.
func (s WaitForPack) Change() Change { return Change{ActionWaitForPack, s.Pack.Name} }
