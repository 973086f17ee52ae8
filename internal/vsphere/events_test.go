package vsphere_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// TestEventOfAVM logs an event with one call, as one line of a bounded length, and needs a
// privilege for it that the roles do not have.
func TestEventOfAVM(t *testing.T) {
	t.Parallel()
	v := start(t, withTeam)
	vm := v.cloneOff(request(v.site(), "logged"))
	v.ResetCalls()
	v.must(v.client.LogEvent(t.Context(), vm, "two\nlines "+strings.Repeat("x", 2000)))
	if calls := v.Calls().SOAP["LogUserEvent"]; calls != 1 || v.Calls().Total != 1 {
		t.Errorf("an event took the calls %v", v.Calls().SOAP)
	}
	logged := v.UserEvents()
	if len(logged) != 1 || logged[0].VM != "logged" || len(logged[0].Message) != 1024 ||
		!strings.HasPrefix(logged[0].Message, "two lines xxx") {
		t.Errorf("logged: %+v", logged)
	}
	as := v.teamClient()
	v.grantRoles("")
	err := as.LogEvent(t.Context(), vm, "not allowed")
	if !errors.Is(err, model.ErrPermission) || !strings.Contains(err.Error(), "lacks Global.LogEvent on") {
		t.Errorf("without the privilege: %v", err)
	}
}
