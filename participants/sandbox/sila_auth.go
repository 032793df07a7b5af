package sandbox

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
	"golang.org/x/crypto/sha3"
)

// silaTokenLife is how long a token is good; the vendor hands out the same one until half
// an hour before that.
const (
	silaTokenLife  = 8 * time.Hour
	silaTokenSpare = 30 * time.Minute
)

type silaToken struct {
	app   string
	until time.Time
}

// caller is who sent a request, as far as its credentials prove it.
type caller struct {
	app   string
	users []string // addresses that signed as the user
	token bool     // it speaks for all users of the app
}

// identify checks the credentials against the body. Status 0 means that they are an app's.
func (s *Sila) identify(r *http.Request, body []byte, appHandle string) (c caller, status int) {
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		s.mu.Lock()
		defer s.mu.Unlock()
		t, known := s.tokens[token]
		if !known || !s.config.Now().Before(t.until) {
			return c, http.StatusUnauthorized
		}
		if t.app != appHandle {
			return c, http.StatusForbidden
		}
		return caller{app: t.app, token: true}, 0
	}
	signer, ok := recoverAddress(r.Header.Get("authsignature"), body)
	app := s.app(appHandle)
	if !ok || app.Address == "" || !strings.EqualFold(app.Address, signer) {
		return c, http.StatusForbidden
	}
	c.app = app.Handle
	if user, ok := recoverAddress(r.Header.Get("usersignature"), body); ok {
		c.users = []string{user}
	}
	return c, 0
}

// mayActFor says whether a caller has shown that it may act for an entity.
func (c caller) mayActFor(e SilaEntity) bool {
	signed := slices.ContainsFunc(c.users, func(a string) bool {
		return slices.ContainsFunc(e.Addresses, func(b string) bool { return strings.EqualFold(a, b) })
	})
	return e.App == c.app && (c.token || signed)
}

func (s *Sila) app(handle string) SilaApp {
	for _, a := range s.config.Apps {
		if a.Handle == handle {
			return a
		}
	}
	return SilaApp{}
}

// recoverAddress returns who made a signature over a body: r, s and v in lower-case
// hexadecimal, of the legacy Keccak-256 of the bytes.
func recoverAddress(signature string, body []byte) (address string, ok bool) {
	b, err := hex.DecodeString(signature)
	if err != nil || len(b) != 65 || strings.ToLower(signature) != signature || b[64] != 0x1b && b[64] != 0x1c {
		return "", false
	}
	public, _, err := ecdsa.RecoverCompact(append([]byte{b[64]}, b[:64]...), keccak(body))
	if err != nil {
		return "", false
	}
	return "0x" + hex.EncodeToString(keccak(public.SerializeUncompressed()[1:])[12:]), true
}

func keccak(b []byte) []byte {
	h := sha3.NewLegacyKeccak256()
	h.Write(b)
	return h.Sum(nil)
}

// grant answers a request for a token.
func (s *Sila) grant(w http.ResponseWriter, r *http.Request, h silaHeader) {
	id, secret, ok := r.BasicAuth()
	app := s.app(h.AppHandle)
	same := subtle.ConstantTimeCompare([]byte(id), []byte(app.ClientID)) & subtle.ConstantTimeCompare([]byte(secret), []byte(app.ClientSecret))
	if !ok || app.ClientID == "" || same != 1 {
		silaError(w, http.StatusUnauthorized, "client credentials are missing or wrong")
		return
	}
	token, until := s.tokenOf(app.Handle)
	answer(w, http.StatusOK, map[string]any{
		"success": true, "status": "SUCCESS", "reference": h.Reference,
		"access_token": map[string]any{"token": token, "expiration": until.Unix()},
	})
}

func (s *Sila) tokenOf(app string) (token string, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.config.Now()
	for token, t := range s.tokens {
		if t.app == app && now.Before(t.until.Add(-silaTokenSpare)) {
			return token, t.until
		}
	}
	token, until = rand.Text(), now.Add(silaTokenLife)
	s.tokens[token] = silaToken{app, until}
	return token, until
}

// RevokeTokens ends every token at once.
func (s *Sila) RevokeTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}
