package kubeapi

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// agentToken is the variable by which a container is known as an agent of a console.
const agentToken = "TFC_AGENT_TOKEN"

// agentLog is what an agent prints before it ends because it could not register; empty
// where it can, and of any other pod. Which console it is and whether the token is one of
// its own follows from the configuration alone:
//   - a token that begins with "refused" is none of the console's;
//   - a host below .invalid has no address, as RFC 2606 has it;
//   - a proxy takes every user but "refused";
//   - a host that begins with "www." serves something else.
func (s *Store) agentLog(pod *Object) string {
	env := s.environment(pod)
	token, is := env[agentToken]
	if !is {
		return ""
	}
	address := env["TFC_ADDRESS"] + "/api/agent/register"
	const status = "[ERROR] core: Unexpected HTTP response code: method=POST url=%s status=%d"
	failed := func(why string) string {
		return fmt.Sprintf("[ERROR] core: error registering: error=\"Post %q: %s\"", address, why)
	}
	console, err := url.Parse(env["TFC_ADDRESS"])
	if err != nil {
		return failed(err.Error())
	}
	reaches := console.Hostname()
	var line string
	if proxy, err := url.Parse(env["HTTPS_PROXY"]); err == nil && proxy.Host != "" {
		reaches = proxy.Hostname()
		if proxy.User.Username() == "refused" {
			line = failed("Proxy Authentication Required")
		}
	}
	switch {
	case line != "":
	case strings.HasSuffix(reaches, ".invalid") && reaches != console.Hostname():
		line = failed(fmt.Sprintf("proxyconnect tcp: dial tcp: lookup %s: no such host", reaches))
	case strings.HasSuffix(reaches, ".invalid"):
		line = failed(fmt.Sprintf("dial tcp: lookup %s: no such host", reaches))
	case strings.HasPrefix(console.Hostname(), "www."):
		line = fmt.Sprintf(status, address, http.StatusNotFound)
	case strings.HasPrefix(token, "refused"):
		line = fmt.Sprintf(status, address, http.StatusUnauthorized)
	default:
		return ""
	}
	return "[INFO]  agent: Starting: name=" + env["TFC_AGENT_NAME"] + "\n[INFO]  core: Starting\n" + line + "\n"
}

// environment are the variables of a pod's first container.
func (s *Store) environment(pod *Object) map[string]string {
	var typed corev1.Pod
	if !convert(pod, &typed) || len(typed.Spec.Containers) == 0 {
		return nil
	}
	env := map[string]string{}
	container := typed.Spec.Containers[0]
	for _, from := range container.EnvFrom {
		if from.SecretRef == nil {
			continue
		}
		object, err := s.Get(Secrets, typed.Namespace, from.SecretRef.Name)
		var secret corev1.Secret
		if err == nil && convert(object, &secret) {
			for name, value := range secret.Data {
				env[name] = string(value)
			}
		}
	}
	for _, variable := range container.Env {
		env[variable.Name] = variable.Value
	}
	return env
}

// log serves what a container has printed: only agents that end, and programs that are played, print
// anything.
func (r *request) log(w http.ResponseWriter) error {
	a := attributes{verb: "get", resource: "pods/log", namespace: r.namespace, name: r.name}
	if !r.store.allowed(r.user, a) {
		return forbidden(r.user, a)
	}
	pod, err := r.store.Get(Pods, r.namespace, r.name)
	if err != nil {
		return err
	}
	if textAt(pod, "spec", "nodeName") == "" {
		return apierrors.NewBadRequest(fmt.Sprintf("pod %s does not have a host assigned", r.name))
	}
	w.Header().Set("Content-Type", "text/plain")
	printed := r.store.agentLog(pod)
	if ran := programOf(pod); printed == "" && textAt(pod, "status", "phase") != "Pending" {
		printed = ran.output
	}
	_, _ = w.Write([]byte(printed))
	return nil
}
