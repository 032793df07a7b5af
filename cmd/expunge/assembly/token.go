package assembly

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// newToken makes the word that operators show over HTTP, anew at each start. Who may read the
// data folder is one: the file is for its owner alone. On a full disk the one of the start
// before holds on: workers and sources must not wait for it.
func (h *Home) newToken() (string, error) {
	word := rand.Text()
	if err := h.writeToken(word); err != nil {
		return h.oldToken(err)
	}
	return word, nil
}

// oldToken returns the token of the start before, if only space is lacking for another.
func (h *Home) oldToken(cause error) (string, error) {
	info, err := os.Stat(h.path(tokenName))
	old, readErr := Token(h.Folder)
	full := errors.Is(cause, syscall.ENOSPC) || errors.Is(cause, syscall.EDQUOT)
	if !full || err != nil || readErr != nil || info.Mode().Perm() != 0o600 || len(old) != len(rand.Text()) {
		return "", fmt.Errorf("token of operators: %w", cause)
	}
	return old, nil
}

func (h *Home) writeToken(word string) error {
	path := h.path(tokenName)
	_ = os.Remove(path + ".new") // of a start that was cut off; creating it tells if it is still there
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		_, err = f.WriteString(word + "\n")
		err = errors.Join(err, f.Close())
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	return err
}

// Token reads what an operator shows to the orchestrator that has a data folder open.
func Token(folder string) (string, error) {
	b, err := os.ReadFile(filepath.Join(folder, tokenName))
	return strings.TrimSpace(string(b)), err
}

// forOperators lets in who shows the token.
func forOperators(token string, next http.Handler) http.Handler {
	want := sha256.Sum256([]byte("Bearer " + token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got := sha256.Sum256([]byte(r.Header.Get("Authorization")))
		if token == "" || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "for operators: their token is in the data folder, as "+tokenName, http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}
