// Package standin has the programs that stand in for what the guests' images can't have:
// a program that is not written in Go, whose source can't be had as a module, or which
// has nothing to talk to here. All of them are applets of one static binary, gantry-guest,
// and go by the name they are called by.
package standin

// Applets are the programs by the name they are called by. Each is given the arguments
// after its name and returns the exit status.
var Applets = map[string]func(args []string) int{
	"pause":   RunPause,
	"flannel": RunFlannel,
	"idle":    RunIdle,
}
