package bolt_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/expunge-io/expunge/storage"
	"github.com/expunge-io/expunge/storage/bolt"
)

func ExampleOpen() {
	dir, err := os.MkdirTemp("", "expunge")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)

	store, err := bolt.Open(filepath.Join(dir, "expunge.db"), bolt.Config{})
	if err != nil {
		panic(err)
	}
	defer store.Close()

	ctx := context.Background()
	last, err := store.LastLog(ctx)
	if err != nil {
		panic(err)
	}
	err = store.Commit(ctx, storage.Batch{Log: last + 1, Meta: map[string][]byte{"instance": []byte("i-1")}})
	if err != nil {
		panic(err) // nothing else may be done before the process has started again
	}
	report, err := store.Check(ctx)
	fmt.Println(len(report.Faults), "faults", err)
	// Output: 0 faults <nil>
}
