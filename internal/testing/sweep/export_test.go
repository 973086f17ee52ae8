package sweep

// Point is what tests see of a point.
type Point struct {
	Name    string
	Call    int
	Variant string
}

// Points chooses as Run does in an environment.
func Points(env map[string]string, first, last, every int, variants ...string) ([]Point, error) {
	from, err := fromEnvironment(func(name string) string { return env[name] })
	if err != nil {
		return nil, err
	}
	var out []Point
	for _, p := range points(from, first, last, every, variants) {
		out = append(out, Point{p.name, p.call, p.variant})
	}
	return out, nil
}
