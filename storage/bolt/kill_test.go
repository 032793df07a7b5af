package bolt

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/expunge-io/expunge/storage"
	"github.com/expunge-io/expunge/storage/storagetest"
)

// childStore names the file that this process shall commit to, as the child of a test.
const childStore = "EXPUNGE_TEST_CHILD_STORE"

// childCompacts makes that process compact the store after each batch.
const childCompacts = "EXPUNGE_TEST_CHILD_COMPACTS"

func TestMain(m *testing.M) {
	if path := os.Getenv(childStore); path != "" {
		fmt.Fprintln(os.Stderr, commitForEver(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// run is a driver of batches that are always the same.
func run() *storagetest.Driver { return storagetest.NewDriver(rand.New(rand.NewPCG(7, 7)).IntN) }

// play goes on after batch from, up to batch to.
func play(d *storagetest.Driver, from, to uint64) {
	for range to - from {
		d.Play()
		d.Take()
	}
}

// commitForEver goes on where the store stands, and prints each log number that is safe.
func commitForEver(path string) error {
	s, err := Open(path, Config{})
	if err != nil {
		return err
	}
	last, err := s.LastLog(context.Background())
	if err != nil {
		return err
	}
	d := run()
	play(d, 0, last)
	for {
		d.Play()
		b := d.Take()
		if err := s.Commit(context.Background(), b); err != nil {
			return err
		}
		if os.Getenv(childCompacts) != "" {
			if err := s.Compact(context.Background()); err != nil {
				return err
			}
		}
		if _, err := fmt.Println(b.Log); err != nil {
			return err
		}
	}
}

// TestKilledProcessLosesNoBatchThatWasCommitted kills a committing process thirty times.
func TestKilledProcessLosesNoBatchThatWasCommitted(t *testing.T) { killed(t, 30) }

// TestProcessKilledWhileItCompactsLosesNothing: most of its time goes into compactions.
func TestProcessKilledWhileItCompactsLosesNothing(t *testing.T) {
	t.Setenv(childCompacts, "yes")
	killed(t, 20)
}

func killed(t *testing.T, rounds int) {
	p := newPlace(t)
	d, more, before := run(), 0, uint64(0)
	for round := range rounds {
		printed := killChild(t, string(p))
		s := p.open(t, Config{})
		last, err := s.LastLog(t.Context())
		must(t, err)
		if last < printed {
			t.Fatalf("round %d: batch %d was printed, and %d is the last", round, printed, last)
		}
		if last > printed {
			more++
		}
		play(d, before, last)
		before = last
		for _, differs := range storagetest.Differences(storagetest.Dump(t.Context(), s, d.Keys()), d.Expected()) {
			t.Errorf("round %d, batch %d: %s", round, last, differs)
		}
		r, err := s.Check(t.Context())
		if err != nil || len(r.Faults) > 0 {
			t.Fatalf("round %d: check: %v, %+v", round, err, r.Faults)
		}
		must(t, s.Close())
	}
	t.Logf("in %d of %d rounds the kill fell between a commit and its print", more, rounds)
}

// killChild starts a committing process and kills it at some moment. It returns the last
// number that the process had printed.
func killChild(t *testing.T, path string) (printed uint64) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childStore+"="+path)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	must(t, err)
	must(t, child.Start())
	lines := bufio.NewScanner(out)
	for range 1 + rand.IntN(4) {
		if !lines.Scan() {
			t.Fatal("the child ended by itself")
		}
		printed = number(t, lines.Text())
	}
	time.Sleep(rand.N(2 * time.Millisecond)) // to fall anywhere within a commit or a compaction
	must(t, child.Process.Kill())
	for lines.Scan() { // what it printed before it died
		printed = number(t, lines.Text())
	}
	if err := child.Wait(); err == nil {
		t.Fatal("the child was not killed")
	}
	return printed
}

func number(t *testing.T, line string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(line, 10, 64)
	must(t, err)
	return n
}

var _ storage.Store = (*Store)(nil)
