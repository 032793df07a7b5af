package main

import (
	"errors"
	"strings"
	"testing"
)

// lines is what go test -json prints of some tests; a test is a name, what it is, and its end.
func lines(tests ...string) string {
	var b strings.Builder
	for _, t := range tests {
		f := strings.Split(t, "|")
		at := `"Package":"m/participants/` + f[0] + `","Test":"TestConformance/` + f[1] + `"`
		if f[2] != "" {
			b.WriteString(`{"Action":"attr",` + at + `,"Key":"participantstest.server","Value":"` + f[2] + `"}`)
			b.WriteString(`{"Action":"attr",` + at + `,"Key":"participantstest.ability","Value":"` + f[3] + `"}`)
		}
		if f[4] == "lacking" {
			b.WriteString(`{"Action":"attr",` + at + `,"Key":"participantstest.lacking","Value":"x"}`)
			f[4] = "pass"
		}
		if text, skipped := strings.CutPrefix(f[4], "skip "); skipped {
			b.WriteString(`{"Action":"output",` + at + `,"Output":"    a_test.go:1: ` + text + `\n"}`)
			f[4] = "skip"
		}
		b.WriteString(`{"Action":"` + f[4] + `",` + at + `}` + "\n")
	}
	return b.String()
}

func score1(t *testing.T, exit error, tests ...string) (card string, err error) {
	t.Helper()
	var out strings.Builder
	c := newCard(&out)
	if err := c.read(strings.NewReader(lines(tests...))); err != nil {
		t.Fatal(err)
	}
	err = c.finish(exit)
	return out.String(), err
}

func TestACardShowsEachAdapterAtEachServer(t *testing.T) {
	got, err := score1(t, nil,
		"sql|sqlite/a|SQLite|erase|pass", "sql|sqlite/b|SQLite|erase|pass", "sql|sqlite/c|SQLite|suspend|lacking",
		"sql|postgres/a|PostgreSQL|erase|pass", "sql|postgres/c|PostgreSQL|suspend|pass", "jumio|a|look-alike|erase|pass", "sql|sqlite|||pass")
	want := `adapter  server      erase  suspend
jumio    look-alike  1/1    -
sql      PostgreSQL  1/1    1/1
sql      SQLite      2/2    -
5 passed, 0 failed
`
	if got != want || err != nil {
		t.Errorf("got %v\n%s\nwant\n%s", err, got, want)
	}
}

func TestACardFails(t *testing.T) {
	for name, c := range map[string]struct {
		tests []string
		exit  error
		want  string
	}{
		"with a check":             {[]string{"sql|a|SQLite|erase|fail", "sql|b|SQLite|erase|pass"}, errors.New("exit 1"), "1/2\n1 passed, 1 failed\n"},
		"with a server that lacks": {[]string{"sql|b|SQLite|erase|pass", "sql|p|||skip not covered: PostgreSQL (X is not set)"}, nil, "not covered: PostgreSQL (X is not set)\n1 passed, 1 failed\n"},
		"with a test around":       {[]string{"sql|b|SQLite|erase|pass", "sql|p|||fail"}, errors.New("exit 1"), "1 passed, 1 failed\n"},
		"with go test":             {[]string{"sql|b|SQLite|erase|pass"}, errors.New("exit 2"), "1 passed, 1 failed\n"},
		"with nothing":             {nil, nil, "0 passed, 0 failed\n"},
	} {
		got, err := score1(t, c.exit, c.tests...)
		if err == nil || !strings.HasSuffix(got, c.want) {
			t.Errorf("%s: %v\n%s", name, err, got)
		}
	}
}
