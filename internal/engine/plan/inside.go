package plan

import (
	"slices"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// insideFindings refuse to take a gateway away from under the run that does it: of the
// gateway on whose agent this process runs, no node may go. It may grow, and its agents
// are replaced only after their runs.
func insideFindings(inside uuid.UUID, target model.Target, steps []model.Step) model.Findings {
	var f model.Findings
	if inside == uuid.Nil || target.ID != inside {
		return f
	}
	deletes := slices.ContainsFunc(steps, func(step model.Step) bool {
		switch step.(type) {
		case model.DeleteNode, model.ResetControlPlane:
			return true
		}
		return false
	})
	if deletes {
		f.Refuse(nameField, "This run is on the gateway that it would take away",
			"This process runs on an agent of gateway %q, and the plan deletes nodes of it: the run would end half done. "+
				"Run it elsewhere, such as with local execution, or in a workspace that uses the agents of another gateway.", target.Name)
	}
	return f
}
