package kubeapi

import (
	"encoding/base64"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// page cuts a list to what a request asks for at once: as of an API server, the token of the
// rest is opaque, and one that is none is refused. A list that is read on shows what is there
// by then, which a real one does after a while, too.
func page(items []*Object, limit, token string) (cut []*Object, next string, err error) {
	begin := 0
	if token != "" {
		raw, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil {
			return nil, "", apierrors.NewBadRequest("continue key is not valid: " + err.Error())
		}
		if begin, err = strconv.Atoi(string(raw)); err != nil || begin < 0 {
			return nil, "", apierrors.NewBadRequest("continue key is not valid")
		}
	}
	items = items[min(begin, len(items)):]
	most, err := strconv.Atoi(limit)
	if err != nil && limit != "" {
		return nil, "", apierrors.NewBadRequest("limit is no number")
	}
	if most <= 0 || most >= len(items) {
		return items, "", nil
	}
	return items[:most], base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(begin + most))), nil
}
