package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReportCountsAndNames(t *testing.T) {
	pass := `{"Action":"pass","Package":"p","Test":"A"}`
	skip := `{"Action":"output","Package":"p","Test":"B","Output":"    b_test.go:9: not covered: PostgreSQL\n"}
{"Action":"skip","Package":"p","Test":"B"}`
	fail := `{"Action":"output","Package":"p","Test":"C","Output":"    c_test.go:9: not this\n"}
{"Action":"fail","Package":"p","Test":"C"}
{"Action":"fail","Package":"p"}`
	for _, c := range []struct {
		name, events string
		exit         error
		peers        bool
		want, err    string
	}{
		{name: "all pass", events: pass, want: "1 passed, 0 failed, 0 skipped\n"},
		{name: "a package passes", events: pass + "\n" + `{"Action":"pass","Package":"p","Elapsed":1.5}`, want: "ok   p 1.5s\n1 passed, 0 failed, 0 skipped\n"},
		{name: "a missing server is named once", events: pass + "\n" + skip + "\n" + skip, want: "not covered: PostgreSQL\n1 passed, 0 failed, 2 skipped\n"},
		{name: "a required server is a failure", events: pass + "\n" + skip, peers: true, want: "not covered: PostgreSQL\n1 passed, 1 failed, 1 skipped\n", err: "1 failed"},
		{name: "another skip is shown", events: pass + "\n" + `{"Action":"skip","Package":"p","Test":"D"}`, want: "skipped p D\n1 passed, 0 failed, 1 skipped\n"},
		{name: "a failure shows its output", events: pass + "\n" + fail, want: "    c_test.go:9: not this\n1 passed, 1 failed, 0 skipped\n", err: "1 failed"},
		{name: "a package that does not compile", events: pass + "\n" + `{"Action":"build-output","ImportPath":"q","Output":"no such name\n"}` + "\n" + `{"Action":"fail","Package":"q"}`, want: "no such name\n1 passed, 1 failed, 0 skipped\n", err: "1 failed"},
		{name: "a failure that no event tells of", events: pass, exit: errors.New("exit status 2"), want: "go test: exit status 2\n1 passed, 1 failed, 0 skipped\n", err: "1 failed"},
		{name: "no test", want: "0 passed, 0 failed, 0 skipped\n", err: "no test ran"},
		{name: "a word of the go command", events: "go: no such module\n" + pass, want: "go: no such module\n1 passed, 0 failed, 0 skipped\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			r := newReport(&out)
			r.requirePeers = c.peers
			if err := r.read(strings.NewReader(c.events)); err != nil {
				t.Fatal(err)
			}
			r.countExit(c.exit)
			err := r.finish("")
			if out.String() != c.want {
				t.Errorf("printed\n%s\nwant\n%s", out.String(), c.want)
			}
			if got := fmt.Sprint(err); c.err != "" && got != c.err || c.err == "" && err != nil {
				t.Errorf("error %v, want %q", err, c.err)
			}
		})
	}
}

func TestTotalsAreWritten(t *testing.T) {
	name := filepath.Join(t.TempDir(), "totals")
	r := newReport(&strings.Builder{})
	r.passed = 7
	if err := r.finish(name); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(name)
	if err != nil || string(got) != "7 passed, 0 failed, 0 skipped\n" {
		t.Errorf("wrote %q, %v", got, err)
	}
}
