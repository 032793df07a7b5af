package assembly

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/expunge-io/expunge/storage"
)

// given is a store whose backup is a text, and then an error.
type given struct {
	text string
	err  error
}

func (g given) Backup(_ context.Context, w io.Writer) error {
	if g.text == "" {
		return g.err
	}
	if _, err := io.WriteString(w, g.text); err != nil {
		return err
	}
	return g.err
}

func admin(t *testing.T, s backuper) *httptest.Server {
	t.Helper()
	api := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "the api", http.StatusTeapot) })
	srv := httptest.NewServer(withAdmin(api, s, "word", slog.New(slog.DiscardHandler)))
	t.Cleanup(srv.Close)
	return srv
}

func TestWhoGetsABackup(t *testing.T) {
	srv := admin(t, given{text: "all of it"})
	for _, c := range []struct {
		name, method, host, origin, shown string
		want                              int
	}{
		{"an operator", http.MethodPost, "", "", "Bearer word", http.StatusOK},
		{"localhost", http.MethodPost, "localhost", "", "Bearer word", http.StatusOK},
		{"any process", http.MethodPost, "", "", "", http.StatusUnauthorized},
		{"who guesses", http.MethodPost, "", "", "Bearer world", http.StatusUnauthorized},
		{"who shows nothing", http.MethodPost, "", "", "Bearer ", http.StatusUnauthorized},
		{"a page with its name rebound", http.MethodPost, "evil.example", "", "Bearer word", http.StatusMisdirectedRequest},
		{"a page that posts a form", http.MethodPost, "", "https://evil.example", "Bearer word", http.StatusForbidden},
		{"who only looks", http.MethodGet, "", "", "", http.StatusTeapot},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, srv.URL+BackupPath, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if c.host != "" {
			req.Host = c.host
		}
		if c.origin != "" {
			req.Header.Set("Origin", c.origin)
		}
		if c.shown != "" {
			req.Header.Set("Authorization", c.shown)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if res.StatusCode != c.want || err != nil || strings.Contains(string(body), "all of it") != (c.want == http.StatusOK) {
			t.Errorf("%s: got %d %q, %v; want %d", c.name, res.StatusCode, body, err, c.want)
		}
	}
}

// TestBackupThatIsCutOffIsNoBackup: the client must see it.
func TestBackupThatIsCutOffIsNoBackup(t *testing.T) {
	for _, c := range []struct {
		store given
		want  int
	}{
		{given{err: fmt.Errorf("%w: copy", storage.ErrFull)}, http.StatusInsufficientStorage},
		{given{err: errors.New("secret")}, http.StatusServiceUnavailable},
		{given{"half", errors.New("secret")}, http.StatusOK},
	} {
		srv := admin(t, c.store)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+BackupPath, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer word")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			if c.store.text == "" {
				t.Errorf("%v: %v", c.store.err, err)
			}
			continue // cut off before the header was out
		}
		body, err := io.ReadAll(res.Body)
		if res.StatusCode != c.want || strings.Contains(string(body), "secret") {
			t.Errorf("%v: got %d %q", c.store.err, res.StatusCode, body)
		}
		if c.store.text != "" && err == nil {
			t.Errorf("it seems whole: %q", body)
		}
	}
}

// TestTheTokenIsItsOwnersAlone, and another one at each start.
func TestTheTokenIsItsOwnersAlone(t *testing.T) {
	h := &Home{Folder: t.TempDir()}
	if err := os.WriteFile(h.path(tokenName), []byte("old\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	first, err := h.newToken()
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(h.path(tokenName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if read, err := Token(h.Folder); err != nil || read != first || len(first) < 26 {
		t.Errorf("read %d characters of %d: %v", len(read), len(first), err)
	}
	if second, err := h.newToken(); err != nil || second == first {
		t.Errorf("the same again: %v", err)
	}
}

// TestATokenHoldsOnWhereThereIsNoRoomForAnother, if it is one and nobody else can read it.
func TestATokenHoldsOnWhereThereIsNoRoomForAnother(t *testing.T) {
	h := &Home{Folder: t.TempDir()}
	full := fmt.Errorf("write: %w", syscall.ENOSPC)
	fails := func(why string, cause error) {
		t.Helper()
		if word, err := h.oldToken(cause); word != "" || !errors.Is(err, cause) {
			t.Errorf("%s: %d characters, %v", why, len(word), err)
		}
	}
	fails("none", full)
	first, err := h.newToken()
	if err != nil {
		t.Fatal(err)
	}
	if word, err := h.oldToken(full); err != nil || word != first {
		t.Errorf("%d characters, %v", len(word), err)
	}
	fails("for another reason", fs.ErrPermission)
	if err := os.Chmod(h.path(tokenName), 0o644); err != nil {
		t.Fatal(err)
	}
	fails("anybody can read it", full)
	if err := os.WriteFile(h.path(tokenName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	fails("half of one", full)
}
