package kubeapi

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

// bodyLimit is etcd's limit of a request, more or less.
const bodyLimit = 3 << 20

func (r *request) read() ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r.http.Body, bodyLimit+1))
	if err != nil {
		return nil, apierrors.NewBadRequest("the request's body could not be read: " + err.Error())
	}
	if len(raw) > bodyLimit {
		return nil, apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("limit is %d", bodyLimit))
	}
	return raw, nil
}

func (r *request) media() string {
	media, _, _ := strings.Cut(r.http.Header.Get("Content-Type"), ";")
	return media
}

// body reads the object that came with the request. Answers are JSON only, but
// bodies may be protobuf: client-go's typed clients send it unasked.
func (r *request) body() (*Object, error) {
	raw, err := r.read()
	if err != nil {
		return nil, err
	}
	switch media := r.media(); media {
	case "application/vnd.kubernetes.protobuf":
		typed, gvk, err := scheme.Codecs.UniversalDeserializer().Decode(raw, nil, nil)
		if err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
		m, err := runtime.DefaultUnstructuredConverter.ToUnstructured(typed)
		if err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
		o := &Object{Object: m}
		o.SetGroupVersionKind(*gvk)
		return o, nil
	case "application/yaml":
		if raw, err = yaml.YAMLToJSON(raw); err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
	case "application/json", "":
	default:
		return nil, unsupported(media)
	}
	o := &Object{}
	if err := o.UnmarshalJSON(raw); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	return o, nil
}

func (r *request) deleteOptions() (metav1.DeleteOptions, error) {
	options := metav1.DeleteOptions{}
	raw, err := r.read()
	if err != nil {
		return options, err
	}
	if len(raw) > 0 {
		switch media := r.media(); media {
		case "application/vnd.kubernetes.protobuf":
			_, _, err = scheme.Codecs.UniversalDeserializer().Decode(raw, nil, &options)
		case "application/json", "":
			err = json.Unmarshal(raw, &options)
		default:
			return options, unsupported(media)
		}
		if err != nil {
			return options, apierrors.NewBadRequest(err.Error())
		}
	}
	if text := r.http.URL.Query().Get("gracePeriodSeconds"); text != "" {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return options, apierrors.NewBadRequest(err.Error())
		}
		options.GracePeriodSeconds = &seconds
	}
	if options.Preconditions == nil {
		options.Preconditions = &metav1.Preconditions{}
	}
	return options, nil
}

func unsupported(media string) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusUnsupportedMediaType, Reason: metav1.StatusReasonUnsupportedMediaType,
		Message: fmt.Sprintf("the body of the request was in an unknown format - accepted media types include: "+
			"application/json, application/yaml; got %q", media),
	}}
}
