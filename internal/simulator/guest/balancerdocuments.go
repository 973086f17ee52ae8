package guest

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/cloudinit"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/haproxy"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/strictyaml"
)

const (
	balancerScript  = "/etc/gantry/load-balancer.sh"
	balancerService = "gantry-load-balancer.service"
	haproxyTemplate = "/etc/gantry/haproxy.cfg"
	haproxyManifest = "/etc/gantry/haproxy.yaml"
	haproxyInside   = "/usr/local/etc/haproxy"
)

// balancerDocuments are what a load balancer runs by.
type balancerDocuments struct {
	template  string
	directory string // on the machine, which the container sees
	image     string
	files     *cloudinit.Instance
}

// readBalancer reads the documents as kubelet and HAProxy would.
func readBalancer(inst *cloudinit.Instance) (*balancerDocuments, error) {
	for _, file := range []string{balancerScript, haproxyTemplate, haproxyManifest} {
		if !inst.Has(file) {
			return nil, fmt.Errorf("%s: No such file or directory", file)
		}
	}
	if err := checkAlone(inst); err != nil {
		return nil, fmt.Errorf("kubelet: %w", err)
	}
	d := &balancerDocuments{template: string(inst.Files[haproxyTemplate].Content), files: inst}
	pod := &corev1.Pod{}
	if err := strictyaml.Unmarshal(inst.Files[haproxyManifest].Content, pod); err != nil {
		return nil, fmt.Errorf("can't read static pod manifest: %w", err)
	}
	if err := d.checkPod(pod); err != nil {
		return nil, fmt.Errorf("static pod %q: %w", pod.Name, err)
	}
	return d, nil
}

// aloneKubelet is the part of KubeletConfiguration that a kubelet without an API needs.
type aloneKubelet struct {
	APIVersion     string `json:"apiVersion"`
	Kind           string `json:"kind"`
	Authentication struct {
		Anonymous struct {
			Enabled bool `json:"enabled"`
		} `json:"anonymous"`
		Webhook struct {
			Enabled *bool `json:"enabled"`
		} `json:"webhook"`
	} `json:"authentication"`
	Authorization struct {
		Mode string `json:"mode"`
	} `json:"authorization"`
	Address        string `json:"address"`
	EnableServer   *bool  `json:"enableServer"`
	CgroupDriver   string `json:"cgroupDriver"`
	Endpoint       string `json:"containerRuntimeEndpoint"`
	StaticPodPath  string `json:"staticPodPath"`
	PodPIDsLimit   int64  `json:"podPidsLimit"`
	SeccompDefault bool   `json:"seccompDefault"`
}

// checkAlone finds the drop-in that has kubelet stand alone: by kubeadm's own it waits for a
// kubeconfig that never comes.
func checkAlone(inst *cloudinit.Instance) error {
	var file string
	for _, name := range slices.Sorted(maps.Keys(inst.Files)) {
		if !strings.HasPrefix(name, unitDirectory+"kubelet.service.d/") || path.Base(name) < "10-kubeadm.conf" {
			continue
		}
		reset := false
		for line := range strings.Lines(string(inst.Files[name].Content)) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			switch {
			case key != "ExecStart":
			case value == "":
				reset = true
			case !reset:
				return errors.New("service has more than one ExecStart= setting, which is only allowed for Type=oneshot services")
			default:
				_, file, _ = strings.Cut(value, "--config=")
				if strings.Contains(value, "kubeconfig") {
					return fmt.Errorf("%s: it has a kubeconfig and does not stand alone", name)
				}
			}
		}
	}
	if file == "" || !inst.Has(file) {
		return errors.New("/etc/kubernetes/bootstrap-kubelet.conf does not exist: " +
			"no drop-in after kubeadm's has it stand alone by a configuration")
	}
	var config aloneKubelet
	if err := strictyaml.Unmarshal(inst.Files[file].Content, &config); err != nil {
		return fmt.Errorf("failed to load kubelet config file, path: %s, error: %w", file, err)
	}
	switch {
	case config.APIVersion != "kubelet.config.k8s.io/v1beta1" || config.Kind != "KubeletConfiguration":
		return fmt.Errorf("%s is no KubeletConfiguration", file)
	case config.Authentication.Webhook.Enabled == nil || *config.Authentication.Webhook.Enabled:
		return errors.New("no client provided, cannot use webhook authentication")
	case config.Authorization.Mode != "AlwaysAllow":
		return errors.New("no client provided, cannot use webhook authorization")
	case (config.EnableServer == nil || *config.EnableServer) && config.Address != "127.0.0.1":
		return errors.New("anyone on the network may ask it anything")
	case config.StaticPodPath != "/etc/kubernetes/manifests":
		return fmt.Errorf("static pods are looked for in %q", config.StaticPodPath)
	}
	return nil
}

// checkPod wants HAProxy on the machine's network, by a configuration that can be replaced
// while it runs.
func (d *balancerDocuments) checkPod(pod *corev1.Pod) error {
	switch {
	case pod.APIVersion != "v1" || pod.Kind != "Pod":
		return fmt.Errorf("%s %s is not a v1 Pod", pod.APIVersion, pod.Kind)
	case !pod.Spec.HostNetwork:
		return errors.New("it is not on the host network: no other machine would reach it")
	case len(pod.Spec.Containers) != 1 || pod.Spec.Containers[0].Image == "":
		return errors.New("not one container with an image")
	}
	c := pod.Spec.Containers[0]
	if len(c.Command) == 0 || c.Command[0] != "haproxy" || !slices.Contains(c.Command, "-W") {
		return fmt.Errorf("%v runs no master process that could be signalled", c.Command)
	}
	if i := slices.Index(c.Command, "-f"); i < 0 || len(c.Command) <= i+1 || path.Dir(c.Command[i+1]) != haproxyInside {
		return fmt.Errorf("%v does not read what is mounted", c.Command)
	}
	for _, mount := range c.VolumeMounts {
		for _, volume := range pod.Spec.Volumes {
			if volume.Name == mount.Name && mount.MountPath == haproxyInside && volume.HostPath != nil {
				d.directory = volume.HostPath.Path
			}
		}
	}
	if d.directory == "" {
		return fmt.Errorf("no directory of the host is mounted at %s: a file would stay the one that was there first", haproxyInside)
	}
	d.image = c.Image
	return nil
}

// configuration is what the script makes of the template for a list of backends.
func (d *balancerDocuments) configuration(backends string) (*haproxy.Config, *x509.Certificate, error) {
	text := strings.ReplaceAll(d.template, "__GANTRY_BACKENDS__", backends)
	for backend := range strings.SplitSeq(backends, ",") {
		text += fmt.Sprintf("    server %[1]s %[1]s:6443\n", backend)
	}
	config, err := haproxy.Parse(text)
	if err != nil {
		return nil, nil, fmt.Errorf("haproxy: %w", err)
	}
	if config.Says != backends {
		return nil, nil, fmt.Errorf("haproxy: the status page says %q and not %q: the script cannot tell what runs", config.Says, backends)
	}
	block, _ := pem.Decode(d.files.Files[path.Join(d.directory, config.CAFile)].Content)
	if block == nil {
		return nil, nil, fmt.Errorf("haproxy: unable to load CA file %q", config.CAFile)
	}
	ca, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, nil, fmt.Errorf("haproxy: unable to load CA file %q: %w", config.CAFile, err)
	}
	return config, ca, nil
}
