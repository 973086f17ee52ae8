package kubeapi

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
)

// JWSPrefix is how cluster-info names a token's signature.
const JWSPrefix = "jws-kubeconfig-"

// Sign makes the detached signature by which a joining node sees that whoever
// published a kubeconfig knows its token.
func Sign(content, tokenID, tokenSecret string) string {
	header, _ := json.Marshal(struct { // two strings always marshal
		Algorithm string `json:"alg"`
		Key       string `json:"kid"`
	}{"HS256", tokenID})
	protected := base64.RawURLEncoding.EncodeToString(header)
	mac := hmac.New(sha256.New, []byte(tokenSecret))
	mac.Write([]byte(protected + "." + base64.RawURLEncoding.EncodeToString([]byte(content))))
	return protected + ".." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
