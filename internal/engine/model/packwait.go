package model

import "slices"

// BeforeWorkers reports whether the pack is applied before the workers join. Its objects are
// waited for after that, since some of them may have no node until then.
func (k Pack) BeforeWorkers() bool { return k.Layer == LayerCNI || k.Layer == LayerCPI }

// WaitsAgain reports whether an apply waits for the objects of a pack although there is nothing to
// be applied: none has seen them ready since it was.
func (k Pack) WaitsAgain(have AppliedPack) bool {
	return k.Wait && k.Chart == nil && have.NotReady && k.Applied(have)
}

// layers are those of packs, in the order in which they are applied. Others come after them.
var layers = []string{LayerCNI, LayerCPI, LayerCSI}

// EarlierLayer reports whether the layer of a pack comes before that of another one.
func (k Pack) EarlierLayer(than Pack) bool {
	mine, other := slices.Index(layers, k.Layer), slices.Index(layers, than.Layer)
	return mine >= 0 && (other < 0 || mine < other)
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
type WaitForPack struct{ Pack Pack }

// Change implements Step.
func (s WaitForPack) Change() Change { return Change{ActionWaitForPack, s.Pack.Name} }
