package run

import (
	"fmt"
	"sync"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// made are the machines that a run has built and that it may replace, too: the plan has
// only their names.
type made struct {
	mu       sync.Mutex
	machines map[string]model.Machine
}

func (m *made) add(machine model.Machine) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.machines == nil {
		m.machines = map[string]model.Machine{}
	}
	m.machines[machine.Marker.Node] = machine
}

// find returns a machine of a plan with its reference.
func (m *made) find(machine model.Machine) (model.Machine, error) {
	if machine.Ref != "" {
		return machine, nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	built, ok := m.machines[machine.Marker.Node]
	if !ok {
		return machine, fmt.Errorf("the VM of %s was not built by this run", machine.Marker.Node)
	}
	return built, nil
}

// has reports whether the run has built a node.
func (m *made) has(node string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, built := m.machines[node]
	return built
}
