package vault_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/expunge-io/expunge/storage/vault"
)

// A saga's box opens until its key is destroyed, wherever copies of it still rest.
func Example() {
	dir, err := os.MkdirTemp("", "expunge")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)

	kek, err := vault.CreateKEK(filepath.Join(dir, "kek"))
	if err != nil {
		panic(err)
	}
	path := filepath.Join(dir, "keys")
	if err := vault.Init(path, kek); err != nil {
		panic(err)
	}
	keys, err := vault.Open(path, kek)
	if err != nil {
		panic(err)
	}
	defer keys.Close()

	plaintext, _ := vault.Contents{Realm: "customers", UserID: "u-0042"}.Marshal()
	_ = keys.Create("saga-1")
	box, _ := keys.Seal("saga-1", plaintext)
	// The store commits the box, the saga runs, and its final state is committed.
	_ = keys.Destroy("saga-1")

	_, err = keys.Open("saga-1", box)
	fmt.Println(err)
	// Output: vault: the saga has no data key: saga-1
}
