package sila

import (
	"context"
	"errors"
	"testing"

	"github.com/expunge-io/expunge/participants"
)

// TestNothingIsRetainedWhenThePermitIsOver: other handles may not have been reached.
func TestNothingIsRetainedWhenThePermitIsOver(t *testing.T) {
	kept := &participants.Retained{Ground: "the law"}
	var all outcome
	all.add(kept)
	if err := all.err(t.Context()); !errors.Is(err, kept) {
		t.Errorf("error %v, want the retention", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := all.err(ended); !errors.Is(err, context.Canceled) || errors.Is(err, kept) {
		t.Errorf("error %v, want that of the context alone", err)
	}
}
