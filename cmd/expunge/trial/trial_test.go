package trial

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheExampleIsAFile(t *testing.T) {
	if _, err := parse([]byte(Example)); err != nil {
		t.Error(err)
	}
	all := strings.NewReplacer("# state:", "state:", "# break:", "break:", "# slow:", "slow:", "# mend:", "mend:").Replace(Example)
	f, err := parse([]byte(all))
	if err != nil || len(f.Commands.State) == 0 || len(f.Commands.Break) == 0 || len(f.Commands.Slow) == 0 || len(f.Commands.Mend) == 0 {
		t.Errorf("with all that it has in comments: %+v, %v", f.Commands, err)
	}
}

func TestEverythingThatIsWrongIsNamed(t *testing.T) {
	_, err := parse([]byte(`
realm: "a realm"
subject: [{type: User, value: u-secret-1}, {type: user_id, value: u}]
unknown: [{type: User, value: u-secret-1}]
commands: {break: [x]}
`))
	if err == nil {
		t.Fatal("no fault")
	}
	for _, want := range []string{
		"realm:", "subject[0].type", "subject[1].value", "neighbour: missing", "unknown[0]: is the subject's too",
		"commands.seed", "commands.count", "commands.mend",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "u-secret-1") {
		t.Errorf("an identifier is in: %v", err)
	}
	if _, err := parse([]byte("subjects: []")); err == nil {
		t.Error("a misspelt field passes")
	}
}

const people = `
subject: [{type: email, value: mia@example.com}, {type: user_id, value: u-check-1}]
neighbour: [{type: user_id, value: u-check-12}]
unknown: [{type: user_id, value: u-check-9}]
log: worker.log
commands:
  seed: [sh, -c, "printf '%s %s %s' \"$EXPUNGE_PERSON\" \"$EXPUNGE_TYPE\" \"$EXPUNGE_VALUE\" >seeded"]
`

func read(t *testing.T, commands string) (File, string) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "check.yaml")
	if err := os.WriteFile(path, []byte(people+commands), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	return f, dir
}

func TestCommandsAreToldOfWhom(t *testing.T) {
	f, dir := read(t, `
  count: [sh, -c, "test \"$EXPUNGE_PERSON\" = subject && echo \"$EXPUNGE_IDENTIFIERS\" | grep -c mia@example.com.*u-check-1 || echo 7"]
  state: [sh, -c, "echo $EXPUNGE_PERSON $EXPUNGE_TYPE $EXPUNGE_VALUE"]
`)
	r := f.Remote(t.Context(), "notes", t.Output())
	if n, err := r.Items(r.Subject); err != nil || n != 1 {
		t.Errorf("subject: %d, %v", n, err)
	}
	if n, err := r.Items(r.Neighbour); err != nil || n != 7 {
		t.Errorf("neighbour: %d, %v", n, err)
	}
	if s, err := r.State(r.Unknown); err != nil || s != "unknown user_id u-check-9\n" {
		t.Errorf("state: %q, %v", s, err)
	}
	if err := r.Seed(); err != nil {
		t.Error(err)
	}
	seeded, err := os.ReadFile(filepath.Join(dir, "seeded"))
	if err != nil || string(seeded) != " email mia@example.com" {
		t.Errorf("seed was told %q, %v", seeded, err)
	}
	if r.Break != nil || r.Mend != nil || r.Slow != nil {
		t.Error("commands that the file does not have")
	}
}

func TestACommandThatFailsIsNamedAndNothingOfItShown(t *testing.T) {
	f, _ := read(t, `
  count: [sh, -c, "echo not a number; test $EXPUNGE_PERSON = subject || { echo complaint >&2; exit 3; }"]
`)
	var complaints bytes.Buffer
	r := f.Remote(t.Context(), "notes", &complaints)
	if _, err := r.Items(r.Subject); err == nil || err.Error() != "commands.count: must print a number and nothing else" {
		t.Error(err)
	}
	if _, err := r.Items(r.Neighbour); err == nil || err.Error() != "commands.count: exit status 3" {
		t.Error(err)
	}
	if complaints.String() != "complaint\n" {
		t.Errorf("%q", complaints.String())
	}
}

func TestTheSystemIsMendedAfterAnInterrupt(t *testing.T) {
	f, dir := read(t, `
  count: [echo, "1"]
  break: [touch, broken]
  mend: [rm, broken]
`)
	ctx, interrupt := context.WithCancel(t.Context())
	r := f.Remote(ctx, "notes", t.Output())
	if err := r.Break(); err != nil {
		t.Fatal(err)
	}
	interrupt()
	if err := r.Mend(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "broken")); !os.IsNotExist(err) {
		t.Error("it is still broken")
	}
	if err := r.Break(); err == nil {
		t.Error("broken again, after the interrupt")
	}
}

func TestTheLogBeginsWithTheCheck(t *testing.T) {
	f, dir := read(t, "\n  count: [echo, \"1\"]\n")
	path := filepath.Join(dir, "worker.log")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("long before\n")
	r := f.Remote(t.Context(), "notes", t.Output())
	write("long before\nnow\n")
	if text, err := r.Log(); err != nil || text != "now\n" {
		t.Errorf("%q, %v", text, err)
	}
	write("anew\n")
	if text, err := r.Log(); err != nil || text != "anew\n" {
		t.Errorf("after it was made anew: %q, %v", text, err)
	}
}
