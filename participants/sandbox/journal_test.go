package sandbox

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func openInts(t *testing.T, path string) (*journal[int], *[]int) {
	t.Helper()
	var seen []int
	j, err := openJournal(path, func(n int) { seen = append(seen, n) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.close() })
	return j, &seen
}

func TestATornLastRecordIsCutOffAndTheJournalGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	if err := os.WriteFile(path, []byte("1\n2\n3"), 0o600); err != nil { // 3 was never synced
		t.Fatal(err)
	}
	j, seen := openInts(t, path)
	if err := j.commit(4); err != nil {
		t.Fatal(err)
	}
	_, again := openInts(t, path)
	if want := []int{1, 2, 4}; !slices.Equal(*seen, want) || !slices.Equal(*again, want) {
		t.Errorf("applied %v, then %v after reopening, want %v", *seen, *again, want)
	}
}

func TestADamagedJournalIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	if err := os.WriteFile(path, []byte("1\n{\n3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openJournal(path, func(int) {}); err == nil {
		t.Error("a damaged journal was opened")
	}
}

func TestNothingIsAppliedThatIsNotOnDisk(t *testing.T) {
	j, seen := openInts(t, filepath.Join(t.TempDir(), "journal"))
	_ = j.file.Close()
	if err := j.commit(1); err == nil || len(*seen) != 0 {
		t.Errorf("error %v, applied %v; want an error and nothing applied", err, *seen)
	}
}

// TestMain also serves as the process that the next test kills.
func TestMain(m *testing.M) {
	if path := os.Getenv("SANDBOX_TEST_JOURNAL"); path != "" {
		serveUntilKilled(path)
	}
	os.Exit(m.Run())
}

func childConfig(path string) JumioConfig {
	account := JumioAccount{Tenant: "ours", Token: "token", Secret: "secret"}
	return JumioConfig{Accounts: []JumioAccount{account}, Journal: path, Now: time.Now}
}

func serveUntilKilled(path string) {
	j, err := OpenJumio(childConfig(path))
	if err != nil {
		os.Exit(3)
	}
	fmt.Println(httptest.NewServer(j).URL)
	select {}
}

func TestAKilledProcessLosesNothingThatItAnswered(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	seed, err := OpenJumio(childConfig(path))
	if err != nil {
		t.Fatal(err)
	}
	var txs []JumioTransaction
	for i := range 20 {
		txs = append(txs, JumioTransaction{Tenant: "ours", Region: "eu", Kind: "scans", Reference: fmt.Sprint("r-", i)})
	}
	if err := seed.Put(txs...); err != nil {
		t.Fatal(err)
	}
	_ = seed.Close()

	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), "SANDBOX_TEST_JOURNAL="+path)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	root, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	for _, tx := range txs[:7] {
		deleteScan(t, JumioAPI(root[:len(root)-1], "eu")+"/api/netverify/v2/scans/"+tx.Reference)
	}
	_ = child.Process.Kill()
	_ = child.Wait()

	after, err := OpenJumio(childConfig(path))
	if err != nil {
		t.Fatal(err)
	}
	defer after.Close()
	if left, led := len(after.Stored()), len(after.Ledger()); left != 13 || led != 7 {
		t.Errorf("%d transactions and %d deletions after the kill, want 13 and 7", left, led)
	}
}

func deleteScan(t *testing.T, url string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("token", "secret")
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "Example App/v1.0")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("status %d", resp.StatusCode)
	}
}
