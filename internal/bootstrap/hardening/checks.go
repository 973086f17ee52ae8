package hardening

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

const root = "root:root"

// check is a part of a row.
type check = func(Evidence) error

// all holds where each of the checks does.
func all(checks ...check) check {
	return func(e Evidence) error {
		for _, c := range checks {
			if err := c(e); err != nil {
				return err
			}
		}
		return nil
	}
}

// matching are the files that one of the patterns is of, in order.
func (e Evidence) matching(patterns []string) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(e.Files)), func(name string) bool {
		return !slices.ContainsFunc(patterns, func(pattern string) bool {
			matched, err := path.Match(pattern, name)
			return err == nil && matched
		})
	})
}

// ofFiles looks at each file that there is of the patterns, of which there is one at least.
func ofFiles(look func(File) error, patterns ...string) check {
	return func(e Evidence) error {
		names := e.matching(patterns)
		if len(names) == 0 {
			return fmt.Errorf("there is none of %s", strings.Join(patterns, ", "))
		}
		for _, name := range names {
			if err := look(e.Files[name]); err != nil {
				return fmt.Errorf("%s %w", name, err)
			}
		}
		return nil
	}
}

// atMost allows the permissions of a mode and no others.
func atMost(mode fs.FileMode, patterns ...string) check {
	return ofFiles(func(f File) error {
		if f.Mode&^mode != 0 {
			return fmt.Errorf("has the mode %04o, and not at most %04o", f.Mode, mode)
		}
		return nil
	}, patterns...)
}

func ownedBy(owner string, patterns ...string) check {
	return ofFiles(func(f File) error {
		if f.Owner != owner {
			return fmt.Errorf("belongs to %s, and not to %s", f.Owner, owner)
		}
		return nil
	}, patterns...)
}

// absent expects that there is no such file.
func absent(name string) check {
	return func(e Evidence) error {
		if _, there := e.Files[name]; there {
			return fmt.Errorf("%s is there", name)
		}
		return nil
	}
}

// flag looks at a flag of a component.
func flag(component, name string, look func(value string, set bool) error) check {
	return func(e Evidence) error {
		value, set := e.Flags[component][name]
		if err := look(value, set); err != nil {
			return fmt.Errorf("--%s of %s: %w", name, component, err)
		}
		return nil
	}
}

func set(component string, names ...string) check {
	var checks []check
	for _, name := range names {
		checks = append(checks, flag(component, name, func(value string, set bool) error {
			if !set || value == "" {
				return fmt.Errorf("it is not set")
			}
			return nil
		}))
	}
	return all(checks...)
}

func unset(component, name string) check {
	return flag(component, name, func(value string, set bool) error {
		if set {
			return fmt.Errorf("it is set, to %q", value)
		}
		return nil
	})
}

func equals(component, name, want string) check {
	return flag(component, name, func(value string, set bool) error {
		if !set || value != want {
			return fmt.Errorf("it is %q, and not %q", value, want)
		}
		return nil
	})
}

// notOtherThan allows a value, and that the flag is not set.
func notOtherThan(component, name, want string) check {
	return flag(component, name, func(value string, set bool) error {
		if set && value != want {
			return fmt.Errorf("it is %q, and neither %q nor left out", value, want)
		}
		return nil
	})
}

// atLeast expects a number.
func atLeast(component, name string, least int) check {
	return flag(component, name, func(value string, _ bool) error {
		var number int
		if _, err := fmt.Sscan(value, &number); err != nil || number < least {
			return fmt.Errorf("it is %q, and not at least %d", value, least)
		}
		return nil
	})
}

// lists expects an element in a list of the API server's.
func lists(name, element string) check {
	return flag(apiServer, name, func(value string, _ bool) error {
		if !slices.Contains(strings.Split(value, ","), element) {
			return fmt.Errorf("it is %q, without %s", value, element)
		}
		return nil
	})
}

// leavesOut expects that a list is without an element, or not set.
func leavesOut(component, name, element string) check {
	return flag(component, name, func(value string, _ bool) error {
		if slices.Contains(strings.Split(value, ","), element) {
			return fmt.Errorf("it is %q, with %s", value, element)
		}
		return nil
	})
}

// onlyOf expects a list with elements of another.
func onlyOf(names []string, allowed []string) error {
	if len(names) == 0 {
		return fmt.Errorf("it is not set")
	}
	for _, name := range names {
		if !slices.Contains(allowed, name) {
			return fmt.Errorf("it has %s", name)
		}
	}
	return nil
}

// setting looks at a field of a configuration, by its path.
func setting(of func(Evidence) map[string]any, name string, look func(value any) error) check {
	return func(e Evidence) error {
		var value any = of(e)
		for part := range strings.SplitSeq(name, ".") {
			fields, _ := value.(map[string]any)
			value = fields[part]
		}
		if err := look(value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	}
}

func kubeletConfig(e Evidence) map[string]any { return e.Kubelet }

// kubeletIs expects a value, or one that means the same, nil for a field that is not set.
func kubeletIs(name string, values ...any) check {
	return setting(kubeletConfig, name, func(value any) error {
		var texts []string
		for _, want := range values {
			texts = append(texts, fmt.Sprint(want))
		}
		if !slices.Contains(texts, fmt.Sprint(value)) {
			return fmt.Errorf("it is %v, and none of %s", value, strings.Join(texts, ", "))
		}
		return nil
	})
}
