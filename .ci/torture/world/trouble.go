package world

import (
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/expunge-io/expunge/participants/sandbox"
)

// troubles are what a vendor does on a bad day. A lie is an answer of success without an
// effect; a reset cuts the line after the effect.
var troubles = map[string]sandbox.Fault{
	"slow":    {Delay: 2 * time.Second},
	"stuck":   {Delay: 6 * time.Second}, // for longer than a permit lives
	"fails":   {Status: http.StatusInternalServerError},
	"limits":  {Status: http.StatusTooManyRequests, RetryAfter: time.Second},
	"away":    {Status: http.StatusServiceUnavailable},
	"lies":    {Lie: true},
	"cut off": {Reset: true},
}

var troubleNames = []string{"slow", "stuck", "fails", "limits", "away", "lies", "cut off"}

// Trouble makes one of the vendors misbehave, until the returned function is called.
func (w *World) Trouble(rng *rand.Rand) (what string, end func()) {
	vendor, set := "verification-images", w.jumio.SetFaults
	if rng.IntN(2) == 0 {
		vendor, set = "identity-provider", w.cognito.SetFaults
	}
	name := troubleNames[rng.IntN(len(troubleNames))]
	set(troubles[name])
	return vendor + " " + name, func() { set() }
}
