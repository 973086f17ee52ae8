package record

import "encoding/json"

// CloudAccount is the body of a cloud account's record. It holds no secret.
type CloudAccount struct {
	// Incarnation is the creation that the record belongs to.
	Incarnation        Incarnation `json:"incarnation,omitempty"`
	Server             string      `json:"server"`
	Username           string      `json:"username"`
	CACertificate      string      `json:"ca_certificate,omitempty"`
	InsecureSkipVerify bool        `json:"insecure_skip_verify,omitempty"`
}

// UnmarshalJSON implements json.Unmarshaler.
func (a *CloudAccount) UnmarshalJSON(raw []byte) error {
	if err := CheckVersion(raw); err != nil {
		return err
	}
	type wire CloudAccount
	return json.Unmarshal(raw, (*wire)(a))
}
