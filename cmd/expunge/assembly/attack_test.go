package assembly_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/expunge-io/expunge/cmd/expunge/assembly"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
	"github.com/expunge-io/expunge/storage/storagetest"
	"github.com/expunge-io/expunge/storage/vault"
)

// TestNobodyOpensTheBoxOfAFinishedSaga is the claim of the vault as an attack. The attacker
// has the key-encryption key as it is after keys rotate, the raw files of the data folder,
// every backup of the store that was taken while many sagas ran and ended, and the newest
// keys backups. It knows the format and every saga's id. Of the sagas that have ended it
// must open nothing; that it opens the live ones shows that it looks in the right places.
func TestNobodyOpensTheBoxOfAFinishedSaga(t *testing.T) {
	p := newPast(t)
	p.live(t, 1200)
	if err := p.home.Close(); err != nil {
		t.Fatal(err)
	}
	oldKEK, oldKeys := p.kek(t), everyTenth(p.keysBackups)
	r, err := assembly.Rotate(t.Context(), p.folder, "", "")
	if err != nil {
		t.Fatal(err)
	}
	if r.Swept == 0 {
		t.Error("no key was left behind by a crash: the rotation had nothing to sweep")
	}
	p.backupKeys(t)
	alive, finished := p.fates(t)
	newest := p.keysBackups[len(p.keysBackups)-2:] // of before the rotation, and after it

	a := attacker{ids: append(append([]saga.ID{}, alive...), finished...)}
	a.take(p.kek(t), append([][]byte{p.file(t, "keys")}, newest...))
	opened := a.open(append([][]byte{p.file(t, "expunge.db")}, p.dbBackups...))
	won, controls := among(opened, finished), among(opened, alive)
	t.Logf("%d finished and %d live sagas, %d store backups; %d bytes of keys, %d of stores; %d data keys unwrapped, %d places tried",
		len(finished), len(alive), len(p.dbBackups), a.keyBytes, a.storeBytes, len(a.keys), a.tried)
	t.Logf("opened: %d of %d finished, %d of %d live", won, len(finished), controls, len(alive))
	if won != 0 || len(finished) < 50 {
		t.Errorf("opened %d of %d finished sagas", won, len(finished))
	}
	if controls != len(alive) || len(alive) == 0 {
		t.Errorf("opened %d of %d live sagas: the attack does not see what it should", controls, len(alive))
	}

	// The limit of the claim: old keys backups that were kept, and the key that was destroyed.
	b := attacker{ids: a.ids}
	b.take(oldKEK, oldKeys)
	lost := among(b.open(p.dbBackups), finished)
	t.Logf("with the key of before and %d old keys backups: %d finished", len(oldKeys), lost)
	if lost == 0 {
		t.Error("the attack opens nothing of finished sagas, even where it can")
	}
}

func everyTenth(list [][]byte) (some [][]byte) {
	for i := 0; i < len(list); i += 10 {
		some = append(some, list[i])
	}
	return some
}

// past is a data folder in which many sagas ran, and what was put aside meanwhile.
type past struct {
	folder      string
	home        *assembly.Home
	driver      *storagetest.Driver
	dbBackups   [][]byte
	keysBackups [][]byte
}

func newPast(t *testing.T) *past {
	folder := t.TempDir()
	return &past{folder: folder, home: openHome(t, folder, ""), driver: storagetest.NewDriver(rand.New(rand.NewPCG(4, 2)).IntN)}
}

// live commits batches with the vault in the order in which the orchestrator does it. A
// crash before the last keys are destroyed leaves them behind.
func (p *past) live(t *testing.T, batches int) {
	for n := range batches {
		p.driver.Play()
		b := p.driver.Take()
		if n == 0 {
			b.Meta = map[string][]byte{"keys_file": []byte(p.home.Keys.ID())}
		}
		ended := p.seal(t, b)
		if err := p.home.Store.Commit(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if n < batches-40 {
			if err := p.home.Keys.Destroy(ended...); err != nil {
				t.Fatal(err)
			}
		}
		if n%30 == 29 {
			p.backup(t)
		}
	}
}

// seal puts real boxes into a batch, and names the sagas that it ends.
func (p *past) seal(t *testing.T, b storage.Batch) (ended []saga.ID) {
	for i, c := range b.Sagas {
		id := c.State.ID
		if c.State.Phase.Final() {
			ended = append(ended, id)
		}
		if c.Vault == nil {
			continue
		}
		plaintext, err := vault.Contents{Realm: "r", UserID: string(id), Reason: "somebody asked"}.Marshal()
		if err == nil {
			err = p.home.Keys.Create(id)
		}
		if err == nil {
			b.Sagas[i].Vault, err = p.home.Keys.Seal(id, plaintext)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return ended
}

func (p *past) backup(t *testing.T) {
	var b bytes.Buffer
	if err := p.home.Store.Backup(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	p.dbBackups = append(p.dbBackups, b.Bytes())
	p.backupKeys(t)
}

func (p *past) backupKeys(t *testing.T) {
	to := filepath.Join(t.TempDir(), "keys")
	if _, err := vault.Backup(assembly.KeysFile(p.folder), to, p.kek(t)); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(to)
	if err != nil {
		t.Fatal(err)
	}
	p.keysBackups = append(p.keysBackups, b)
}

func (p *past) kek(t *testing.T) vault.KEK {
	k, err := vault.LoadKEK(assembly.KEKFile(p.folder, ""))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (p *past) file(t *testing.T, name string) []byte {
	b, err := os.ReadFile(filepath.Join(p.folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (p *past) fates(t *testing.T) (alive, finished []saga.ID) {
	h := openHome(t, p.folder, "")
	for _, id := range p.driver.Keys().Sagas {
		s, err := h.Store.Load(t.Context(), id)
		switch {
		case errors.Is(err, storage.ErrPruned):
			finished = append(finished, id)
		case err != nil:
			t.Fatal(err)
		case s.Phase.Final():
			finished = append(finished, id)
		default:
			alive = append(alive, id)
		}
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	return alive, finished
}

func among(opened map[saga.ID]bool, ids []saga.ID) (n int) {
	for _, id := range ids {
		if opened[id] {
			n++
		}
	}
	return n
}

// attacker goes by the documents of the vault, and uses none of its code.
type attacker struct {
	ids                  []saga.ID
	keys                 []cipher.Block
	keyBytes, storeBytes int
	tried                int
}

const (
	nonce, wrapped = 12, 12 + 32 + 16
	fileID         = 16 // where the header has it
)

// take unwraps what can be unwrapped as anybody's data key, from every offset of the files.
func (a *attacker) take(kek vault.KEK, files [][]byte) {
	aead := gcm(kek[:])
	for _, f := range files {
		a.keyBytes += len(f)
		prefix := append([]byte("expunge/data-key/1\x00"), f[fileID:fileID+16]...)
		for at := 0; at+wrapped <= len(f); at++ {
			if bytes.Count(f[at:at+wrapped], []byte{0}) == wrapped {
				continue
			}
			for _, id := range a.ids {
				key, err := aead.Open(nil, f[at:at+nonce], f[at+nonce:at+wrapped], append(prefix, id...))
				if err == nil {
					a.keys = append(a.keys, block(key))
				}
			}
		}
	}
}

// open tries each data key at every offset where a box could begin. It does not need to know
// how long a box is, or whose: it decrypts without the seal's tag, and looks for contents.
func (a *attacker) open(stores [][]byte) map[saga.ID]bool {
	known := []byte(`{"realm":"r","user_id":"`)
	plain := make([]byte, len(known)+36)
	opened := map[saga.ID]bool{}
	for _, f := range stores {
		a.storeBytes += len(f)
		for at := 0; at+1+nonce+len(plain) <= len(f); at++ {
			if f[at] != 1 { // the format of a box
				continue
			}
			iv := binary.BigEndian.AppendUint32(bytes.Clone(f[at+1:at+1+nonce]), 2) // GCM encrypts from counter 2 on
			for _, k := range a.keys {
				a.tried++
				cipher.NewCTR(k, iv).XORKeyStream(plain, f[at+1+nonce:at+1+nonce+len(plain)])
				if bytes.HasPrefix(plain, known) {
					opened[saga.ID(plain[len(known):])] = true
				}
			}
		}
	}
	return opened
}

func block(key []byte) cipher.Block {
	b, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	return b
}

func gcm(key []byte) cipher.AEAD {
	a, err := cipher.NewGCM(block(key))
	if err != nil {
		panic(err)
	}
	return a
}
