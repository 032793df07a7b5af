package nemesis

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestLostRequestsAreReadFromTheLog: what an operator would read, and only what was said
// since the backup was put back.
func TestLostRequestsAreReadFromTheLog(t *testing.T) {
	const (
		old = `level=ERROR msg="a request that was accepted is not in the store that was put back: have its source send it again" saga=1 request=1.1 source=shop correlation_id=request-1` + "\n"
		now = `level=ERROR msg="a request that was accepted is not in the store that was put back: have its source send it again" saga=2 request=2.1 source=shop correlation_id=request-7 pivoted=true` + "\n" +
			`level=INFO msg="stored" request=3.1` + "\n"
	)
	log := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(log, []byte(old+now), 0o600); err != nil {
		t.Fatal(err)
	}
	names, err := namedIn(log, int64(len(old)))
	if err != nil || !slices.Equal(names, []string{"2.1", "request-7"}) {
		t.Errorf("%q, %v", names, err)
	}
}
