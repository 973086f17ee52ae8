package vsphere_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

// creation surveys what a creation needs: the inventory is there already.
func (v *vcenter) creation(maxAge time.Duration) model.Template {
	v.t.Helper()
	survey, err := v.client.Survey(v.t.Context(), model.SurveyRequest{Names: names(), MaxAge: age, TemplateMaxAge: maxAge})
	v.must(err)
	v.must(survey.Findings.Err())
	return survey.Site.Template
}

// TestCreationsReadTheirTemplateOnce has clusters planned and created from one template.
func TestCreationsReadTheirTemplateOnce(t *testing.T) {
	t.Parallel()
	v := start(t)
	v.fresh()
	surveys := func(what string, maxAge time.Duration, n, wanted int) {
		t.Helper()
		calls := v.calls(func() {
			var wg sync.WaitGroup
			for range n {
				wg.Go(func() {
					if template := v.creation(maxAge); template.DiskGB == 0 || template.SnapshotDisks != 1 {
						t.Errorf("%s: the template is %+v", what, template)
					}
				})
			}
			wg.Wait()
		})
		if calls.SOAP[reads] != wanted || calls.Total != wanted {
			t.Errorf("%s took %+v, want %d reads", what, calls, wanted)
		}
	}
	surveys("the first ones, at the same moment", age, 8, 1)
	surveys("a later one", age, 1, 0)
	surveys("one that must be new", 0, 1, 1)
	_, err := v.createFolder(v.site().Datacenter, "k8s/changed")
	v.must(err)
	v.fresh()
	surveys("one after a change", age, 1, 1)
}

// Who waits for another one's read of the templates and is interrupted waits no longer.
func TestTemplateTurnIsInterrupted(t *testing.T) {
	t.Parallel()
	var turns vsphere.TemplateTurns
	end, err := turns.Alone(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := turns.Alone(interrupted); !errors.Is(err, context.Canceled) {
		t.Errorf("while another one reads: %v", err)
	}
	end()
	end, err = turns.Alone(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	end()
}
