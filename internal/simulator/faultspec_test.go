package simulator_test

import (
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

func TestParseFault(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]simulator.Fault{
		"drop-before": {Kind: simulator.DropBefore},
		"refuse,call=CloneVM_Task,nth=2,times=-1,fault=NoPermission,privilege=Folder.Create": {
			Kind:      simulator.RefuseCall,
			Call:      "CloneVM_Task",
			Nth:       2,
			Times:     -1,
			Fault:     "NoPermission",
			Privilege: "Folder.Create",
		},
		"delay,call=POST tag,delay=2s": {Kind: simulator.DelayCall, Call: "POST tag", Delay: 2 * time.Second},
	} {
		if got, err := simulator.ParseFault(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "explode", "refuse,fault=Nonsense", "delay",
		"refuse,nth", "refuse,nth=x", "refuse,colour=red", "fail-task,fault=Folder"} {
		if got, err := simulator.ParseFault(text); err == nil {
			t.Errorf("%q is %+v", text, got)
		}
	}
}
