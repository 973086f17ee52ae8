package plan

import (
	"slices"
	"strconv"
	"strings"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// The versions of vCenter's API: of 6.7 Update 3, the oldest that Gantry builds on, and
// of the oldest that VMware has not ended all support of.
var (
	oldestAPI    = []int{6, 7, 3}
	supportedAPI = []int{7, 0}
)

// vcenterFindings judge the vCenter that something is created in. What runs there already
// is left alone.
func vcenterFindings(spec *model.ClusterSpec, api string) model.Findings {
	var f model.Findings
	version := parseAPI(api)
	switch {
	case !spec.New || len(version) == 0:
	case slices.Compare(version, oldestAPI) < 0:
		f.Refuse(nameField, "vCenter is too old", "This vCenter has version %s of its API. "+
			"Gantry needs 6.7.3, which is that of vSphere 6.7 Update 3, or newer. Upgrade vCenter.", api)
	case slices.Compare(version, supportedAPI) < 0:
		f.Warn(nameField, "vCenter is no longer supported", "This vCenter has version %s of its API, and vSphere 6.7 is out of support since "+
			"November 2023. Gantry works with it as far as is known; plan an upgrade of vCenter.", api)
	}
	return f
}

// parseAPI reads the version of an API; empty where it is none.
func parseAPI(text string) []int {
	var version []int
	for part := range strings.SplitSeq(text, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil
		}
		version = append(version, n)
	}
	return version
}
