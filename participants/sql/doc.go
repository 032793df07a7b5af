// Package sql is a participant for shares that lie in tables of SQLite, PostgreSQL, MariaDB
// or MySQL: sessions, API keys, delegations, private keys, settings, the account itself. One
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
// # MariaDB and MySQL
//
// Tested at MariaDB alone; MySQL has the same driver, and what differs there is untried.
//
// Most of their collations ignore case, and nearly all of them spaces at the end of a text.
// Keys are therefore compared twice: by the column's collation, which its index serves, and
// then byte by byte. A foreign key still joins by the collation, so before rows are deleted
// that others refer to, rows that it joins and whose keys are not the same bytes are looked
// for, and end the work as misconfigured: key_not_exact. The column of a [Parent] must be
// unique. On a char(n) column an identifier that ends in a space is refused.
//
// The DSN is that of github.com/go-sql-driver/mysql, as in
// eraser:password@tcp(db.example.com:3306)/app?tls=true, with sslrootcert, sslcert and sslkey
// besides, which name files. Tables must be InnoDB, since changes to others cannot be rolled
// back, and without system versioning, which keeps what is deleted. The user needs SELECT and
// TRIGGER on the whole database, granted to itself and not to a role, besides the right to
// delete or update each declared table: the servers hide triggers and foreign keys from
// others. A foreign key of a table in another database is seen only with a right on that.
//
// A transaction that changes rows is serializable: what it reads it locks. Nothing is
// committed unless this process says so under a live permit. The server ends a transaction
// that nobody continues within a second of the permit's end; MySQL completes a statement that
// changes rows before it notices, and MariaDB does not.
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
// VACUUM removes those. PostgreSQL keeps dead rows until VACUUM, and in its log and backups;
// InnoDB until they are purged, and in its log, the binary log and backups.
package sql
