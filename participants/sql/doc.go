// Package sql is a participant for shares that lie in tables of SQLite or PostgreSQL:
// sessions, API keys, delegations, private keys, settings, the account itself. One
// [Participant] serves one share; several of them may use the same database.
//
// [Config.Tables] is an allow-list. Nothing outside it is read or changed, and that holds
// for what the database would do by itself: a foreign key that would cascade into a table
// that is not declared, or into rows that are not the person's, is refused before anything
// is deleted. So are triggers that are not named, rules, inheriting tables, views, and row
// security that hides rows.
//
// # Who is matched
//
// Values are bound as parameters and compared exactly, byte by byte: no case folding, no
// trimming, no conversion between text and number. A key column that cannot be compared
// exactly (NOCASE, citext, char(n), a nondeterministic collation) is refused. On an integer
// or uuid column an identifier that is no integer or uuid is refused too, because it says
// that the ids are of another kind than the column; set [Table.ForeignIDs] where a realm
// has both, and then such a person has no row. "042" is never 42.
//
// # Suspend
//
// A table may say what suspend does to its rows: overwrite columns, which restore undoes
// value by value, or delete them, as sessions are ended, which nothing undoes. See
// [Suspend] and [Participant.Suspender]. The values that were overwritten rest sealed with
// the orchestrator and nowhere else, at most 64 KiB of them for one person.
//
// # What absent means
//
// The live schema is checked in the same transaction, so no rows means no rows: a missing
// table, column or right is Misconfigured.
//
// # What is left on disk
//
// SQLite connections of this package run with secure_delete and foreign_keys on, and after
// an erase the write-ahead log is written back and truncated if no reader holds it: then
// the deleted rows are overwritten in the file. Stale copies are not that the application
// itself left in unused space, as it does without secure_delete whenever a page is split;
// VACUUM removes those. PostgreSQL keeps dead rows until VACUUM, and in its log and backups.
package sql
