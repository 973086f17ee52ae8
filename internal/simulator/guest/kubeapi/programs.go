package kubeapi

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// program is what the first container of a pod runs, of the few things that are played: `true`,
// `false`, `sleep N`, and a script of a shell that is made of these, `echo` and `exit`.
type program struct {
	output string
	lasts  time.Duration
	code   int64
	// ends is whether it comes to an end at all.
	ends bool
}

// programOf returns what a pod runs. What is not played runs on, and in a Job succeeds at once.
func programOf(pod *Object) program {
	var typed corev1.Pod
	if !convert(pod, &typed) || len(typed.Spec.Containers) == 0 {
		return program{}
	}
	words := slices.Concat(typed.Spec.Containers[0].Command, typed.Spec.Containers[0].Args)
	switch {
	case len(words) == 3 && strings.HasSuffix(words[0], "sh") && words[1] == "-c":
		return script(words[2])
	case len(words) > 0:
		return script(strings.Join(words, " "))
	}
	return program{}
}

// script plays commands one after the other, until one of them fails that others follow by &&.
func script(text string) program {
	p := program{ends: true}
	for command := range strings.SplitSeq(strings.NewReplacer("&&", ";", "\n", ";").Replace(text), ";") {
		words := strings.Fields(command)
		if len(words) == 0 {
			continue
		}
		argument := strings.Join(words[1:], " ")
		number, numeric := strconv.Atoi(argument)
		switch {
		case words[0] == "echo":
			p.output += strings.Trim(argument, `"'`) + "\n"
		case words[0] == "sleep" && numeric == nil:
			p.lasts += time.Duration(number) * readySecond
		case words[0] == "exit" && numeric == nil:
			p.code = int64(number)
			return p
		case words[0] == "true":
			p.code = 0
		case words[0] == "false":
			p.code = 1
		default:
			return program{}
		}
	}
	return p
}

// ofJob reports whether a pod is that of a Job.
func ofJob(pod *Object) bool {
	owner := metav1.GetControllerOf(pod)
	return owner != nil && owner.Kind == "Job"
}

// over reports whether a pod has come to its end.
func over(pod *Object) bool {
	phase := textAt(pod, "status", "phase")
	return phase == "Succeeded" || phase == "Failed"
}

// end shows a pod of a Job whose container has ended.
func (p *pass) end(pod *Object) {
	ran := programOf(pod)
	phase, reason := "Succeeded", "Completed"
	if ran.code != 0 {
		phase, reason = "Failed", "Error"
	}
	p.changePod(pod, func(o *Object) {
		set(o, phase, "status", "phase")
		var containers []any
		for _, c := range mapsAt(o, "spec", "containers") {
			containers = append(containers, map[string]any{
				"name": c["name"], "image": c["image"], "imageID": "", "ready": false, "started": false, "restartCount": int64(0),
				"state": map[string]any{"terminated": map[string]any{"exitCode": ran.code, "reason": reason}},
			})
		}
		set(o, containers, "status", "containerStatuses")
		for _, kind := range []string{"ContainersReady", "Ready"} {
			p.setCondition(o, kind, "False", "PodCompleted", "")
		}
	})
}

// exits is why the container of a pod that is not a Job's ends as soon as it has started; nil: it
// does not.
func exits(pod *Object) error {
	if ran := programOf(pod); ran.ends && ran.lasts == 0 && !ofJob(pod) {
		return fmt.Errorf("back-off restarting failed container, which has ended with %d", ran.code)
	}
	return nil
}

// unprobed reports whether a pod has a probe of its readiness that never passes: the command false.
func unprobed(pod *Object) bool {
	return slices.ContainsFunc(mapsAt(pod, "spec", "containers"), func(c map[string]any) bool {
		probe, _ := c["readinessProbe"].(map[string]any)
		exec, _ := probe["exec"].(map[string]any)
		command, _ := exec["command"].([]any)
		return len(command) == 1 && command[0] == "false"
	})
}

// running reports whether the containers of a pod run, ready or not.
func running(pod *Object) bool {
	statuses := mapsAt(pod, "status", "containerStatuses")
	return len(statuses) > 0 && !slices.ContainsFunc(statuses, func(c map[string]any) bool {
		state, _ := c["state"].(map[string]any)
		return state["running"] == nil
	})
}
