package plan

import (
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
)

var nameField = model.ClusterField(model.FieldClusterName)

// refuse collects what makes planning pointless: a name that another cluster has,
// certificate authorities that are lost, VMs of a newer Gantry.
// The facts are those that were observed, of which the view may leave some out.
func refuse(v view, observed *model.Facts, p *model.Plan) {
	spec, facts := v.spec, v.facts
	if rec := facts.Record; rec.Found && (rec.ID != spec.ID || spec.New && rec.APIReached) {
		// Nothing else can be said about one that is not this one.
		p.Refuse(nameField, "The "+string(spec.Kind)+" exists",
			"A %s named %q is registered in this vCenter with the id %s. Choose another name, or import it. "+
				"If it is this resource before its replacement, it cannot be created before it is destroyed, since the name is unique: "+
				"remove create_before_destroy, also from what depends on it, or change the name.",
			spec.Kind, spec.Name, rec.ID)
		return
	}
	if !spec.New && takenOver(spec.Target(), facts) {
		p.Refuse(nameField, "Taken over by a newer creation",
			"The %s %q of this state was never finished, and another creation of that name has taken its place, with all that it had. "+
				"Remove it from the state (terraform state rm), or destroy it: nothing of the other one is deleted.", spec.Kind, spec.Name)
		return
	}
	p.Add(markerFindings(spec.Name, facts.VMs()))
	p.Add(oneAnswers(spec, observed))
	p.Add(loadBalancerProblems(v))
	p.Add(endpointPools(spec))
	if spec.ControlPlane.Count < 1 || len(spec.ControlPlane.Placements) == 0 {
		p.Refuse(controlPlaneField, "No control plane", "The %s %q has no control-plane node or no placement for it.", spec.Kind, spec.Name)
		return
	}
	const reimport = "Import it again with GANTRY_IMPORT_KUBECONFIG set to a kubeconfig of its administrator."
	if unknownControlPlane(v) {
		p.Refuse(nameField, "Ledger record missing",
			"Control-plane VMs of %s %q exist, the ledger has no record of that name, as after its tag was deleted, "+
				"and its API does not answer with the certificate authorities in this state. "+
				"They may be a running cluster's, and are neither used nor deleted. "+
				"If they are powered off, power them on and plan again. %s If they are not needed, delete the VMs.",
			spec.Kind, spec.Name, reimport)
	}
	p.Add(mayRestore(v))
	if !v.apiReached() {
		return
	}

	if caMismatch(facts) {
		p.Refuse(nameField, "The certificate authorities are not the cluster's",
			"No control-plane node of %s %q was built with the certificate authorities in this state, so no node can join. %s",
			spec.Kind, spec.Name, reimport)
	}
	if facts.CAFingerprint == "" {
		p.Refuse(nameField, "The certificate authorities are not in the state",
			"The %s %q is running, and this state does not hold its certificate authorities, without which no node can join. %s",
			spec.Kind, spec.Name, reimport)
	}
}

// markerFindings refuses to plan around VMs that this Gantry does not understand.
func markerFindings(name string, machines []model.Machine) model.Findings {
	var f model.Findings
	for _, m := range machines {
		if !m.Marker.Understood() {
			f.Refuse(nameField, "A node VM was made by a newer Gantry",
				"The VM %s of %q has the role %q, the ordinal %d and a marker of schema version %d, which this provider does not understand; "+
					"it understands version %d. Such a VM is neither changed nor deleted. Upgrade the provider.",
				m.Path, name, m.Marker.Role, m.Marker.Ordinal, m.Marker.SchemaVersion, model.MarkerSchema)
		}
	}
	return f
}

// unknownControlPlane reports whether there is a control plane of which neither a
// record nor its API says how far it came: a record is written before the first VM and
// deleted after the last. It may be a running cluster.
func unknownControlPlane(v view) bool {
	return !v.facts.Record.Found && !v.apiReached() &&
		slices.ContainsFunc(v.facts.Machines, func(m model.Machine) bool { return m.Marker.ControlPlane() })
}

// caMismatch reports whether there is a control plane and no node of it was built
// with the authorities at hand.
func caMismatch(facts *model.Facts) bool {
	others := 0
	for _, m := range facts.Machines {
		if !m.Marker.ControlPlane() {
			continue
		}
		if m.Marker.CAFingerprint == facts.CAFingerprint {
			return false
		}
		others++
	}
	return others > 0 && facts.CAFingerprint != ""
}

// recordSteps registers the cluster, again as long as the API never answered: an
// earlier run may have been killed before gateway and account knew of it. What answers where
// a reset is taken back is recorded as such.
func recordSteps(v view) []model.Step {
	if v.reset {
		return []model.Step{model.ResetControlPlane{Cluster: v.spec.Name}}
	}
	if v.apiReached() && v.facts.Record.Found && v.takenBack == "" {
		return nil
	}
	return []model.Step{model.CreateRecord{Cluster: v.spec.Name}}
}

func recordFindings(v view) model.Findings {
	var f model.Findings
	if v.apiReached() && !v.facts.Record.Found {
		f.Warn(nameField, "Ledger record missing",
			"The VMs of %s %q exist, and the ledger of this vCenter has no record of that name, as after its tag was deleted. "+
				"It is registered again.",
			v.spec.Kind, v.spec.Name)
	}
	return f
}

// ownIPPoolSteps registers a gateway's inline IP pool, or writes it again.
func ownIPPoolSteps(v view) []model.Step {
	if !v.facts.OwnIPPool.Outdated(v.spec.OwnIPPool) {
		return nil
	}
	return []model.Step{model.CreateIPPool{Name: v.spec.OwnIPPool.Name}}
}

// endpointSteps reserve the VIP and the extra. An extra that a rollout has lent comes back
// with the address of the next control-plane node that goes.
func endpointSteps(v view) []model.Step {
	var steps []model.Step
	if v.spec.DHCP() {
		return steps // loadBalancerSteps
	}
	pool := v.spec.Endpoint().IPPool
	_, vip := v.facts.Address(pool, model.OwnerVIP)
	_, extra := v.facts.Address(pool, model.OwnerExtra)
	if !vip || !extra && !v.extraLent() {
		steps = append(steps, model.ReserveEndpoint{Cluster: v.spec.Name, IPPool: pool})
	}
	return steps
}

// extraLent reports whether there is no extra because a control-plane node has its address:
// then the nodes have one address more than there are to be.
func (v view) extraLent() bool {
	pool := v.spec.Endpoint().IPPool
	if _, reserved := v.facts.Address(pool, model.OwnerExtra); reserved {
		return false
	}
	held := 0
	for _, c := range slices.Concat(v.facts.Claims, v.facts.Unclaimed) {
		if c.IPPool == pool && v.ordinal(model.ControlPlanePool, c.Owner) > 0 {
			held++
		}
	}
	return held > v.spec.ControlPlane.Count
}

// importDataSteps makes an apply of a cluster whose creation ended before it could
// store what import needs, or that stores its authorities and should not, or the
// reverse. Every apply does that at its end.
func importDataSteps(v view) []model.Step {
	complete := !v.facts.Record.Found || v.facts.Record.CreationComplete
	stored := v.facts.API.ImportDataStored && v.facts.API.AuthoritiesOmitted == v.spec.OmitAuthorities
	if !v.apiReached() || !v.facts.API.Answered() || stored && complete {
		return nil
	}
	return []model.Step{model.StoreImportData{Cluster: v.spec.Name}}
}

// bindAdminsSteps gives the administrators their rights back. What else is to be done
// shows once the API can be asked again.
func bindAdminsSteps(v view) []model.Step {
	if !v.apiReached() || !v.facts.API.AdminsUnbound {
		return nil
	}
	return []model.Step{model.BindAdmins{Cluster: v.spec.Name}}
}

// apiFindings warns that steps which need the API will fail.
func apiFindings(v view) model.Findings {
	var f model.Findings
	switch {
	case !v.facts.API.Asked || !v.apiSilent():
	case v.facts.API.AdminsUnbound:
		f.Warn(nameField, "Administrators have no rights in the cluster",
			"The API of %s %q refuses the administrator's kubeconfig: the cluster role binding %s, from which it has its rights, "+
				"is missing or was changed. One that is missing is made again, and the next plan judges the nodes; "+
				"one that was changed is left as it is.", v.spec.Kind, v.spec.Name, pki.AdminGroup)
	default:
		f.Warn(nameField, "The Kubernetes API does not answer",
			"The API of %s %q cannot be reached from here, so its nodes are judged by their VMs alone: %s",
			v.spec.Kind, v.spec.Name, v.facts.API.Error)
	}
	return f
}
