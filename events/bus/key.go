package bus

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/nats-io/nkeys"
)

// Key is the key pair of one user of the bus. It prints as its public half only.
type Key struct {
	public string
	seed   []byte
}

// NewKey makes a user key pair.
func NewKey() (Key, error) {
	pair, err := nkeys.CreateUser()
	if err != nil {
		return Key{}, fmt.Errorf("create user key: %w", err)
	}
	seed, err := pair.Seed()
	if err != nil {
		return Key{}, fmt.Errorf("read seed of a new key: %w", err)
	}
	return ParseKey(seed)
}

// ParseKey reads a user seed, as in a seed file. Its errors never show the seed.
func ParseKey(seed []byte) (Key, error) {
	pair, err := nkeys.FromSeed(seed)
	if err != nil {
		return Key{}, fmt.Errorf("parse user seed: %w", err)
	}
	public, err := pair.PublicKey()
	if err != nil {
		return Key{}, fmt.Errorf("public half of a user seed: %w", err)
	}
	if !nkeys.IsValidPublicUserKey(public) {
		return Key{}, fmt.Errorf("parse user seed: %.1s is not a user key", public)
	}
	return Key{public: public, seed: append([]byte(nil), seed...)}, nil
}

// Public is the half that a server configuration names; it starts with U.
func (k Key) Public() string { return k.public }

// IsZero reports whether k holds no key.
func (k Key) IsZero() bool { return k.public == "" }

// Save writes the seed to a new file that only its owner can read. An existing file is
// left alone, and the error is then an os.ErrExist.
func (k Key) Save(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("save user seed: %w", err)
	}
	if _, err := f.Write(append(append([]byte(nil), k.seed...), '\n')); err != nil {
		_ = f.Close()
		return fmt.Errorf("save user seed: %w", err)
	}
	if err := f.Sync(); err != nil {
		_ = f.Close()
		return fmt.Errorf("save user seed: %w", err)
	}
	return f.Close()
}

// Format implements [fmt.Formatter] for every verb: the public half.
func (k Key) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(k.public)) }

// LogValue implements [slog.LogValuer].
func (k Key) LogValue() slog.Value { return slog.StringValue(k.public) }

func (k Key) sign(nonce []byte) ([]byte, error) {
	pair, err := nkeys.FromSeed(k.seed)
	if err != nil {
		return nil, err
	}
	defer pair.Wipe()
	return pair.Sign(nonce)
}
