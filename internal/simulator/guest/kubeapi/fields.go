package kubeapi

// at walks into an object; nil where the path ends early. Cheap on purpose:
// the controllers read every pod in every pass.
func at(o *Object, path ...string) any {
	var v any = o.Object
	for _, name := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}

func textAt(o *Object, path ...string) string {
	text, _ := at(o, path...).(string)
	return text
}

// mapsAt returns a list of maps: conditions, taints, containers.
func mapsAt(o *Object, path ...string) []map[string]any {
	list, _ := at(o, path...).([]any)
	maps := make([]map[string]any, 0, len(list))
	for _, v := range list {
		if m, ok := v.(map[string]any); ok {
			maps = append(maps, m)
		}
	}
	return maps
}

// set writes a value and makes the maps on the way.
func set(o *Object, value any, path ...string) {
	m := o.Object
	for _, name := range path[:len(path)-1] {
		next, ok := m[name].(map[string]any)
		if !ok {
			next = map[string]any{}
			m[name] = next
		}
		m = next
	}
	m[path[len(path)-1]] = value
}

// setCondition writes a status condition; its time moves only with its status.
func (s *Store) setCondition(o *Object, kind, status, reason, message string) {
	var rest []any
	when := s.now().UTC().Format("2006-01-02T15:04:05Z")
	for _, c := range mapsAt(o, "status", "conditions") {
		if c["type"] != kind {
			rest = append(rest, c)
			continue
		}
		if c["status"] == status {
			if c["reason"] == reason && c["message"] == message {
				return
			}
			when, _ = c["lastTransitionTime"].(string)
		}
	}
	set(o, append(rest, map[string]any{
		"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": when,
	}), "status", "conditions")
}
