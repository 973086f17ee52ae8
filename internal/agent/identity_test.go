package agent_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/agent"
)

func TestGateway(t *testing.T) {
	t.Parallel()
	const id = "3b241101-e2bb-4255-8caf-4136c566a962"
	file := filepath.Join(t.TempDir(), "gateway")
	if got, err := agent.Gateway(file); err != nil || got != uuid.Nil {
		t.Errorf("without a file: %s, %v", got, err)
	}
	for text, want := range map[string]string{id: id, id + "\n": id, "": "", "dc1": ""} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := agent.Gateway(file)
		if want == "" && err == nil || want != "" && (err != nil || got.String() != want) {
			t.Errorf("%q: %s, %v", text, got, err)
		}
	}
}
