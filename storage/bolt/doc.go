// Package bolt keeps sagas in one bbolt file: the store for production. Start with [Open].
//
// A batch is one transaction, and on disk when Commit returns. One process has the file
// open at a time.
//
// # Layout
//
// Each table is a bucket. A row is a format byte, 16 bytes of SHA-256 over table, key,
// format and payload, and the payload, mostly JSON.
//
//   - sagas: what a batch adds to a live saga is one segment, the entries' bytes a line
//     each, under the id, a zero byte and the first entry's number. Segments are written
//     once. The head, state and wake-up, follows them under the highest number and is
//     overwritten: two puts side by side for each saga and batch, and no state is kept
//     that a newer one replaced.
//   - finished: one row replaces them at the end: state, summary, compressed history.
//   - pruned: the tombstone that replaces that row when the saga is pruned.
//   - vault, plans, outbox, requests, letters, meta: as storage.Batch has them.
//   - timers, subjects, expiries: derived. A timer only wakes; Load decides.
//   - The book, a row in a bucket of its own: schema, log number, and for each table how
//     many rows it has, with a running digest over their keys and one over their values.
//
// # Copies
//
// A backup and a compaction are copies of the rows: bbolt does not clear the pages that it
// frees, and in them rests what rows once were. A copy is made beside the store, under its
// name and ".copy-", and is checked like a file that is opened. One that a crash cut off is
// removed by the next Open.
//
// # Damage
//
// The checksums detect damage, not malice: whoever can write the file can make them fit.
// What shows malice is the hash chain over each history, whose head is in the published
// summary.
//
// bbolt has checksums for its two meta pages alone. So Open walks the file page by page,
// with every bound checked, before bbolt maps it, and compares each table with the book:
// a row that is missing, or an older one that came back, makes Open fail. A row that is
// damaged in itself does not; to read it is ErrDamaged, for it alone, and a batch that
// would continue a damaged saga is refused with a DamagedError that names it.
//
// Of two meta pages bbolt takes the newer readable one. If one of them cannot be read,
// the file does not tell whether its transaction had ended, and Open refuses; see
// [Config].AcceptOlder. A machine that loses power leaves both readable as long as its
// disks write a sector whole.
//
// Pages that go bad while the file is open are bbolt's to notice: it panics, or the
// process gets a fault. Then the next Open tells.
package bolt
