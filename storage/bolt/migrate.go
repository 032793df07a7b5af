package bolt

import "go.etcd.io/bbolt"

// migrate gives a file of an older schema the tables that it lacks, in one transaction: a
// process that dies leaves the file as it was. An older program refuses it from then on.
func migrate(db *bbolt.DB) error {
	older := false
	err := db.View(func(tx *bbolt.Tx) error {
		b, err := parseBook(tx.Bucket([]byte(bookBucket)).Get(bookKey))
		older = b.Schema < schema
		return err
	})
	if err != nil || !older {
		return err
	}
	return db.Update(addTables)
}

func addTables(tx *bbolt.Tx) error {
	b, err := parseBook(tx.Bucket([]byte(bookBucket)).Get(bookKey))
	if err != nil {
		return err
	}
	for _, name := range tables {
		if added[name] <= b.Schema {
			continue
		}
		if _, err := tx.CreateBucket([]byte(name)); err != nil {
			return err
		}
		b.Tables[name] = new(sum)
	}
	b.Schema = schema
	return (&content{tx: tx, book: b}).close()
}
