package events_test

import (
	"errors"
	"testing"

	"github.com/expunge-io/expunge/events"
)

func TestAUserIDThatWasCopiedCarelesslyIsRefused(t *testing.T) {
	for _, id := range []string{"u-0042 ", " u-0042", "u-0042\\n", "\\tu-0042", "u-\\u00010042", "u-0042\\u00a0"} {
		_, _, err := events.Decode[events.Request](nil, []byte(`{"user_id":"`+id+`"}`))
		if f, ok := errors.AsType[*events.FieldError](err); !ok || f.Field != "user_id" {
			t.Errorf("%q: %v", id, err)
		}
	}
	for _, id := range []string{"u-0042", "u 0042", "ü-四二"} {
		if _, _, err := events.Decode[events.Request](nil, []byte(`{"user_id":"`+id+`"}`)); err != nil {
			t.Errorf("%q: %v", id, err)
		}
	}
}
