package sila

import (
	"encoding/json"
	"os"
	"testing"
)

// vectors are what others signed: the vendor's published samples, and two bodies of its SDK
// for Node.js.
type vectors struct {
	Keys struct {
		App  struct{ Private string } `json:"app"`
		User struct{ Private string } `json:"user"`
	} `json:"keys"`
	Published struct {
		PrivateKey string `json:"private_key"`
		Vectors    []struct{ Message, Signature string }
	} `json:"published"`
	Vectors []struct {
		Name, Body string
		Headers    struct{ AuthSignature, UserSignature string }
	} `json:"vectors"`
}

func TestSignaturesAreThoseOfTheVectors(t *testing.T) {
	b, err := os.ReadFile("testdata/signatures.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Published.Vectors) < 4 || len(v.Vectors) < 2 {
		t.Fatal("vectors are missing")
	}
	for _, c := range v.Published.Vectors {
		if got := read(t, v.Published.PrivateKey).sign([]byte(c.Message)); got != c.Signature {
			t.Errorf("%q: signature %s, want %s", c.Message, got, c.Signature)
		}
	}
	for _, c := range v.Vectors {
		if got := read(t, v.Keys.App.Private).sign([]byte(c.Body)); got != c.Headers.AuthSignature {
			t.Errorf("%s: authsignature %s, want %s", c.Name, got, c.Headers.AuthSignature)
		}
		if got := read(t, v.Keys.User.Private).sign([]byte(c.Body)); got != c.Headers.UserSignature {
			t.Errorf("%s: usersignature %s, want %s", c.Name, got, c.Headers.UserSignature)
		}
	}
}

func read(t *testing.T, text string) *key {
	t.Helper()
	k, ok := parseKey(text)
	if !ok {
		t.Fatal("a key of the vectors is not read")
	}
	return k
}

func TestWhatIsNoKeyIsNotRead(t *testing.T) {
	for name, text := range map[string]string{
		"empty":              "",
		"too short":          "11",
		"not hexadecimal":    "zz11111111111111111111111111111111111111111111111111111111111101",
		"zero":               "0000000000000000000000000000000000000000000000000000000000000000",
		"the curve's order":  "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
		"greater than order": "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"a prefix too many":  "0x0x11111111111111111111111111111111111111111111111111111111111101",
	} {
		if _, ok := parseKey(text); ok {
			t.Errorf("%s: is read as a key", name)
		}
	}
}
