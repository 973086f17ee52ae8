package model_test

import (
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// TestEarlierLayers has which layers have to be there before others: a pod network and a cloud
// provider may need each other.
func TestEarlierLayers(t *testing.T) {
	t.Parallel()
	before := map[string]string{"cni": "csi addon", "cpi": "csi addon", "csi": "addon"}
	layers := []string{"cni", "cpi", "csi", "addon"}
	for _, earlier := range layers {
		got := ""
		for _, later := range layers {
			if (model.Pack{Layer: earlier}).EarlierLayer(model.Pack{Layer: later}) {
				got += " " + later
			}
		}
		if want := before[earlier]; want != "" && got != " "+want || want == "" && got != "" {
			t.Errorf("%s comes before%s", earlier, got)
		}
	}
}
