package load

import "testing"

// TestOnlyALostUndoIsBroughtBackByHand: whatever else is parked waits for another deed.
func TestOnlyALostUndoIsBroughtBackByHand(t *testing.T) {
	for line, want := range map[string]string{
		"an operator must act: identity-provider restore: what it needs was lost, or is not in the backup that the saga was restored from: bring the share back by hand, then waive the step": "identity-provider",
		"an operator must act: identity-provider restore: attempts used up": "",
		"an operator must act: account erase: misconfigured":                "",
		"the grace ends at 2026-01-01T00:00:00Z":                            "",
	} {
		if got, ok := parkedRestore(line); got != want || ok != (want != "") {
			t.Errorf("%q: %q, %v", line, got, ok)
		}
	}
}
