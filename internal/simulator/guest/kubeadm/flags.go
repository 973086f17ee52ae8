package kubeadm

import (
	"fmt"

	"github.com/gantry/terraform-provider-gantry/internal/kubeoptions"
)

// CheckFlags refuses a ClusterConfiguration by which a component of a version would not
// start, because it does not know a flag or does not take its value.
func CheckFlags(document string, tool Version) error {
	c, err := clusterConfigurationOf(document)
	if err != nil || c == nil {
		return err
	}
	for component, arguments := range map[kubeoptions.Component][]Arg{
		kubeoptions.APIServer: c.APIServer.ExtraArgs, kubeoptions.ControllerManager: c.ControllerManager.ExtraArgs,
		kubeoptions.Scheduler: c.Scheduler.ExtraArgs,
	} {
		for _, a := range arguments {
			if verdict := kubeoptions.CheckFlag(component, tool.Minor, a.Name, a.Value); verdict.Problem != "" {
				return fmt.Errorf("%s does not start: %s", component, verdict.Problem)
			}
		}
	}
	return nil
}

// clusterConfigurationOf is the ClusterConfiguration among documents; nil where there is
// none.
func clusterConfigurationOf(document string) (*v1beta4Cluster, error) {
	docs, err := split([]byte(document))
	if err != nil {
		return nil, err
	}
	for _, d := range docs {
		if d.Kind == "ClusterConfiguration" {
			c := new(v1beta4Cluster)
			return c, d.decode(c)
		}
	}
	return nil, nil
}
