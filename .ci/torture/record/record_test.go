package record_test

import (
	"slices"
	"testing"

	"github.com/expunge-io/expunge/torture/record"
)

// TestTheBusSaysForWhichSagaARequestWasAccepted, also where nobody was answered.
func TestTheBusSaysForWhichSagaARequestWasAccepted(t *testing.T) {
	var b record.Book
	stored := b.Request(record.Request{Way: record.Stored})
	asked := b.Request(record.Request{Way: record.Asked})
	b.Update(asked, func(q *record.Request) { q.Saga, q.ID = "3", "3.1" })
	for _, saga := range []string{"1", "1", "2"} {
		b.Accepted(b.At(stored).Mark, saga, saga+".1")
		b.Accepted(b.At(asked).Mark, saga, saga+".1")
	}
	if q := b.At(stored); q.Saga != "2" || q.ID != "2.1" || !slices.Equal(q.Before, []string{"1"}) {
		t.Errorf("of the stored one: %+v; want the last", q)
	}
	if q := b.At(asked); q.Saga != "3" || q.ID != "3.1" || !slices.Equal(q.Before, []string{"1", "2"}) {
		t.Errorf("of the one that was answered: %+v; want what it was answered", q)
	}
}
