package bolt

import (
	"bytes"
	"os"
)

// inspect checks a file before bbolt opens it. A fresh one is empty, or was left by a
// process that died before it had made the tables.
func inspect(f *os.File, c Config) (fresh bool, err error) {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return err == nil, err
	}
	m, err := readMeta(f, c.AcceptOlder)
	if err != nil || m.txid <= freshTxid {
		return err == nil, err
	}
	found := census{tables: map[string]*tally{}}
	if _, err := walk(f, info.Size(), m, &found); err != nil {
		return false, err
	}
	if c.lenient {
		return false, found.wholeTables()
	}
	return false, found.judge()
}

// census is what a walk through the file has found.
type census struct {
	book   []byte
	tables map[string]*tally
}

// tally is what was found of a table: the digest over it, and how many rows are damaged.
type tally struct {
	sum
	damaged int
}

func (c *census) table(name string) { c.tables[name] = new(tally) }

func (c *census) row(table string, key, row []byte) {
	if table == bookBucket && bytes.Equal(key, bookKey) {
		c.book = bytes.Clone(row)
		return
	}
	t := c.tables[table]
	t.add(key, row)
	if _, err := unpack(table, key, row); err != nil {
		t.damaged++
	}
}

// judge compares what was found with the book.
func (c *census) judge() error {
	b, err := parseBook(c.book)
	if err != nil {
		return err
	}
	known := tablesOf(b.Schema)
	if err := c.complete(known); err != nil {
		return err
	}
	for _, name := range known {
		if why := c.tables[name].misses(*b.Tables[name]); why != "" {
			return broken("table %s: %s", name, why)
		}
	}
	return nil
}

// wholeTables checks that there are the tables of the file's schema, whatever is in them.
func (c *census) wholeTables() error {
	known := tablesOf(schema)
	if b, err := parseBook(c.book); err == nil {
		known = tablesOf(b.Schema)
	}
	return c.complete(known)
}

// complete checks that there are the tables that there should be, and no others.
func (c *census) complete(known []string) error {
	for _, name := range known {
		if c.tables[name] == nil {
			return broken("table %s is missing", name)
		}
	}
	if len(c.tables) != len(known)+1 || c.tables[bookBucket] == nil || c.tables[bookBucket].Rows > 0 {
		return broken("it has tables or rows that nobody made")
	}
	return nil
}

// misses says what is wrong with a table as a whole, or "". Damaged rows are still there:
// they tell by themselves, but hide whether another row is an older one.
func (t *tally) misses(want sum) string {
	switch {
	case t.Rows != want.Rows || t.Keys != want.Keys:
		return "rows are missing or have other keys"
	case t.damaged == 0 && t.Values != want.Values:
		return "a row is an older one"
	}
	return ""
}
