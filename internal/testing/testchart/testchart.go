// Package testchart makes Helm charts for tests: with a hook, a definition of custom
// resources and one of them, and a workload that becomes ready or does not.
package testchart

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// Name is that of the chart.
const Name = "demo"

// Files are those of the chart in a version. Its values are text, which a ConfigMap has;
// replicas, a whole number by its schema; missing, the name of a Secret that the pods of its
// Deployment mount; login, the name of a Secret that the chart makes; hookMissing, the same
// for the Job that runs before the rest; image and hookImage, what the two run, which no
// registry has otherwise; and hookScript, a script of a shell that the Job runs once.
func Files(version string) map[string]string {
	return map[string]string{
		"Chart.yaml": "apiVersion: v2\nname: " + Name + "\nversion: " + version + "\nkubeVersion: '>=1.31.0-0'\n",
		"values.yaml": "text: default\nreplicas: 1\nmissing: ''\nhookMissing: ''\nlogin: ''\n" +
			"image: ''\nhookImage: ''\nhookScript: ''\n",
		"values.schema.json":        `{"type": "object", "properties": {"replicas": {"type": "integer"}}}`,
		"crds/widgets.yaml":         definition,
		"templates/widget.yaml":     widget,
		"templates/config.yaml":     config,
		"templates/deployment.yaml": deployment,
		"templates/hook.yaml":       hook,
		"templates/login.yaml":      login,
	}
}

const definition = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: widgets.demo.example.com
spec:
  group: demo.example.com
  names: {kind: Widget, listKind: WidgetList, plural: widgets, singular: widget}
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`

const widget = `apiVersion: demo.example.com/v1
kind: Widget
metadata:
  name: {{ .Release.Name }}
spec:
  size: 3
`

const config = `apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
data:
  text: {{ .Values.text | quote }}
  version: {{ .Chart.Version | quote }}
  revision: {{ .Release.Revision | quote }}
`

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: {{ .Release.Name }}}}
  template:
    metadata: {labels: {app: {{ .Release.Name }}}}
    spec:
      containers:
        - name: app
          image: {{ .Values.image | default (printf "registry.example.com/app:%s" .Chart.Version) }}
          {{- if .Values.missing }}
          volumeMounts: [{name: missing, mountPath: /missing}]
          {{- end }}
      {{- with .Values.missing }}
      volumes:
        - name: missing
          secret: {secretName: {{ . }}}
      {{- end }}
`

const hook = `apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .Release.Name }}-prepare
  annotations:
    helm.sh/hook: pre-install,pre-upgrade
    helm.sh/hook-delete-policy: before-hook-creation
spec:
  {{- if .Values.hookScript }}
  backoffLimit: 0
  {{- end }}
  template:
    metadata: {labels: {job: {{ .Release.Name }}-prepare}}
    spec:
      restartPolicy: Never
      containers:
        - name: prepare
          image: {{ .Values.hookImage | default "registry.example.com/prepare:1" }}
          {{- if or .Values.hookImage .Values.hookScript }}
          command: [sh, -c, {{ .Values.hookScript | default "exit 0" | quote }}]
          {{- end }}
          {{- if .Values.hookMissing }}
          volumeMounts: [{name: missing, mountPath: /missing}]
          {{- end }}
      {{- with .Values.hookMissing }}
      volumes:
        - name: missing
          secret: {secretName: {{ . }}}
      {{- end }}
`

const login = `{{- with .Values.login }}
apiVersion: v1
kind: Secret
metadata:
  name: {{ . }}
stringData: {vcenter.example.com.username: user}
{{- end }}
`

// Folder writes files into a folder of the test's own.
func Folder(t testing.TB, files map[string]string) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), Name)
	for name, text := range files {
		at := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// Archive packs files as charts are published.
func Archive(t testing.TB, files map[string]string) []byte {
	t.Helper()
	return ArchiveOf(t, files, time.Time{})
}

// ArchiveOf is Archive, with when its files were written.
func ArchiveOf(t testing.TB, files map[string]string, written time.Time) []byte {
	t.Helper()
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	w := tar.NewWriter(zip)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		head := &tar.Header{Name: Name + "/" + name, Mode: 0o644, Size: int64(len(files[name])), Typeflag: tar.TypeReg, ModTime: written}
		if err := w.WriteHeader(head); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(files[name])); err != nil {
			t.Fatal(err)
		}
	}
	for _, closer := range []interface{ Close() error }{w, zip} {
		if err := closer.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return packed.Bytes()
}
