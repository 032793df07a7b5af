package bolt

import (
	"encoding/json"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// The tables, each a bucket of its own. The last six are derived from the rest.
const (
	sagas    = "sagas"    // id, zero, first seq: a segment of history; at the highest seq: the head
	finished = "finished" // id: state, summary, compressed history
	vault    = "vault"    // id: the sealed box of a live saga
	plans    = "plans"    // digest: the plan
	outbox   = "outbox"   // log, index: the message
	requests = "requests" // key: the request key
	letters  = "letters"  // ascending number: the dead letter
	meta     = "meta"     // key: the value
	holds    = "holds"    // id: the hold
	pruned   = "pruned"   // id: the tombstone of a finished saga

	timers   = "timers"   // wake-up, id: nothing
	subjects = "subjects" // subject: id of the live saga
	expiries = "expiries" // expiry, request key: nothing
)

var tables = [...]string{sagas, finished, vault, plans, outbox, requests, letters, meta, holds, timers, subjects, expiries, pruned}

// schema is the layout that this program reads and writes.
const schema = 2

// added are the tables that are not in files of every schema, and the first that has them.
var added = map[string]int{pruned: 2, holds: 2}

// tablesOf are the tables that a file of a schema has.
func tablesOf(schema int) (names []string) {
	for _, name := range tables {
		if added[name] <= schema {
			names = append(names, name)
		}
	}
	return names
}

// The book is the one row of its own bucket: what a batch changes besides the tables.
var (
	bookBucket = "store"
	bookKey    = []byte("book")
)

type book struct {
	Schema int             `json:"schema"`
	Log    uint64          `json:"log"` // of the last batch
	Tables map[string]*sum `json:"tables"`
}

func parseBook(row []byte) (b book, err error) {
	payload, err := unpack(bookBucket, bookKey, row)
	if err != nil {
		return book{}, damaged("", bookBucket, err)
	}
	if err := json.Unmarshal(payload, &b); err != nil {
		return book{}, damaged("", bookBucket, err)
	}
	if b.Schema > schema {
		return book{}, fmt.Errorf("bolt: the store has schema %d, which is newer than this program's %d", b.Schema, schema)
	}
	for _, name := range tablesOf(b.Schema) {
		if b.Tables[name] == nil {
			return book{}, damaged("", bookBucket, fmt.Errorf("no digest of table %s", name))
		}
	}
	return b, nil
}

func damaged(id saga.ID, table string, cause error) error {
	return &storage.DamagedError{Saga: id, What: table + ": " + cause.Error()}
}

// table is a bucket within a transaction, with the running digest over it.
type table struct {
	name    string
	bucket  *bbolt.Bucket
	sum     *sum
	recount bool // a damaged row was overwritten: the digest has to be made anew
}

// get returns a row's payload, valid until the next put. The saga is the one that the
// row belongs to, for the error. ErrNotFound, ErrDamaged.
func (t *table) get(key []byte, id saga.ID) ([]byte, error) {
	row := t.bucket.Get(key)
	if row == nil {
		return nil, storage.ErrNotFound
	}
	payload, err := unpack(t.name, key, row)
	if err != nil {
		return nil, damaged(id, t.name, err)
	}
	return payload, nil
}

func (t *table) put(key, payload []byte) error {
	t.retire(key)
	row := pack(t.name, key, payload)
	t.sum.add(key, row)
	return t.bucket.Put(key, row)
}

func (t *table) delete(key []byte) error {
	t.retire(key)
	return t.bucket.Delete(key)
}

// retire counts the row under key, if any, out of the digest.
func (t *table) retire(key []byte) {
	row := t.bucket.Get(key)
	if row == nil {
		return
	}
	if _, err := unpack(t.name, key, row); err != nil {
		t.recount = true
	}
	t.sum.remove(key, row)
}

// settle makes the digest right again after a damaged row is gone. The rows, and which
// keys they have, were counted all along.
func (t *table) settle() error {
	if !t.recount {
		return nil
	}
	t.sum.Values = digest{}
	return t.bucket.ForEach(func(k, row []byte) error {
		one := sum{}
		one.add(k, row)
		t.sum.Values.xor(one.Values[:])
		return nil
	})
}

// content is all tables within a transaction.
type content struct {
	tx   *bbolt.Tx
	book book
	of   map[string]*table
}

func open(tx *bbolt.Tx) (*content, error) {
	b, err := parseBook(tx.Bucket([]byte(bookBucket)).Get(bookKey))
	if err != nil {
		return nil, err
	}
	c := &content{tx: tx, book: b, of: map[string]*table{}}
	for _, name := range tables {
		c.of[name] = &table{name: name, bucket: tx.Bucket([]byte(name)), sum: b.Tables[name]}
	}
	return c, nil
}

// close writes the book.
func (c *content) close() error {
	for _, t := range c.of {
		if err := t.settle(); err != nil {
			return err
		}
	}
	payload, err := json.Marshal(c.book)
	if err != nil {
		return err
	}
	return c.tx.Bucket([]byte(bookBucket)).Put(bookKey, pack(bookBucket, bookKey, payload))
}

// create makes the buckets of a new store.
func create(tx *bbolt.Tx) error {
	c := &content{tx: tx, book: book{Schema: schema, Tables: map[string]*sum{}}}
	for _, name := range append([]string{bookBucket}, tables[:]...) {
		if _, err := tx.CreateBucket([]byte(name)); err != nil {
			return err
		}
	}
	for _, name := range tables {
		c.book.Tables[name] = new(sum)
	}
	return c.close()
}
