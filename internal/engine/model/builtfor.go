package model

// BuiltFor is the reset that the control plane which answers was built for, as its VMs say,
// and whether the API knows one of them. A VM that is off does not answer. One of the
// record's reset comes before others: its ordinal was never used before, so that only a
// control plane of that reset knows it, while one that was restored knows the nodes of the
// former one, too, from the snapshot. Of others the newest decides for the same reason.
func (f *Facts) BuiltFor() (reset string, known bool) {
	reset = f.Record.Reset
	newest := 0
	runs := map[string]bool{}
	for _, m := range f.Machines {
		if !m.Marker.ControlPlane() || !m.PoweredOn {
			continue
		}
		runs[m.Marker.Reset] = true
		switch _, inAPI := f.API.Nodes[m.Marker.Node]; {
		case !inAPI:
		case f.Record.Found && m.Marker.Reset == f.Record.Reset:
			return m.Marker.Reset, true
		case m.Marker.Ordinal > newest:
			reset, newest = m.Marker.Reset, m.Marker.Ordinal
		}
	}
	if newest == 0 && len(runs) == 1 {
		for only := range runs {
			return only, false
		}
	}
	return reset, newest > 0
}
