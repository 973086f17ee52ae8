package machine

// OwnerName names what a new World of this process makes.
var OwnerName = ownerName

// Disown says that a World of this process is closed.
var Disown = disown

// Abandoned reports whether no process owns a name any more.
var Abandoned = abandoned

// Sweep removes directories that no process owns.
func Sweep(base string) { sweep(nil, base) }

// Crowded warns of too many machines.
var Crowded = crowded
