package assembly

import (
	"log/slog"
	"testing"

	"github.com/expunge-io/expunge/cmd/expunge/config"
	"github.com/expunge-io/expunge/participants"
	"github.com/expunge-io/expunge/participants/capture"
	"github.com/expunge-io/expunge/participants/jumio"
	"github.com/expunge-io/expunge/participants/sql"
)

func TestWorkersThatNameOneTargetShareIt(t *testing.T) {
	cfg := config.Config{
		Targets: map[string]participants.TargetConfig{"t": {Name: "t", Rate: 1}},
		Workers: map[string]config.Worker{
			"a": {Target: "t", Jumio: &jumio.Config{}}, "b": {Target: "t", Capture: &capture.Config{}},
			"c": {Jumio: &jumio.Config{}}, "d": {Jumio: &jumio.Config{}}, "e": {SQL: &sql.Config{}},
		},
	}
	got, err := Targets(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case got["a"] == nil || got["a"] != got["b"]:
		t.Error("a and b, who ask one target, do not share it")
	case got["c"] == nil || got["c"] == got["d"] || got["c"] == got["a"]:
		t.Error("c and d have none of their own")
	case got["e"] != nil:
		t.Error("e, who does not ask over HTTP, has one")
	}
}
