package sql

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	dbsql "database/sql"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"strings"
	"time"

	driver "github.com/go-sql-driver/mysql"
)

// mysql is the dialect of MariaDB 10.5 and MySQL 8.0, and later.
type mysql struct{}

// session is what every connection runs under, whatever the server's defaults are: names in
// double quotes, no value that is cut to fit, dates written back as they were, foreign keys
// kept, times in UTC, and answers that are whole.
var session = map[string]string{
	"sql_mode":           "'ANSI_QUOTES,STRICT_ALL_TABLES,ALLOW_INVALID_DATES'",
	"foreign_key_checks": "1",
	"sql_safe_updates":   "0",
	"sql_auto_is_null":   "0",
	"sql_select_limit":   "18446744073709551615",
	"time_zone":          "'+00:00'",
	"autocommit":         "1",
}

// open makes a pool whose statements carry values apart from their text, and whose counts of
// an UPDATE are of the rows that matched, as they are elsewhere.
func (mysql) open(c Config) (*dbsql.DB, error) {
	config, err := driver.ParseDSN(escaped(c.DSN))
	if err != nil {
		return nil, errors.New("dsn: is not one of MySQL, as in user:password@tcp(host:3306)/database") // the cause may quote a password
	}
	if err := secure(config); err != nil {
		return nil, err
	}
	config.ClientFoundRows, config.ParseTime = true, true
	config.InterpolateParams, config.MultiStatements, config.AllowAllFiles = false, false, false
	if config.ReadTimeout == 0 { // of a rollback, above all, which has no context
		config.ReadTimeout = c.StatementTimeout + 5*time.Second
	}
	config.Logger = &driver.NopLogger{}
	if err := config.Apply(driver.Charset("utf8mb4", "utf8mb4_general_ci")); err != nil {
		return nil, errors.New("dsn: is not one of MySQL")
	}
	if config.Params == nil {
		config.Params = map[string]string{}
	}
	maps.Copy(config.Params, session)
	connector, err := driver.NewConnector(config)
	if err != nil {
		return nil, errors.New("dsn: is not one of MySQL, or its tls is none that is known")
	}
	return dbsql.OpenDB(connector), nil
}

// escaped lets a DSN name files as they are written: the driver takes its last slash for the
// one before the database.
func escaped(dsn string) string {
	i := strings.LastIndex(dsn, "?")
	if i < 0 || !strings.Contains(dsn[:i], "/") || strings.Contains(dsn[i:], ")") {
		return dsn
	}
	return dsn[:i] + strings.ReplaceAll(dsn[i:], "/", "%2F")
}

// secure reads the files of certificates, under the names that PostgreSQL has for them.
func secure(config *driver.Config) error {
	param := func(name string) string {
		value := config.Params[name]
		delete(config.Params, name)
		return value
	}
	root, cert, key := param("sslrootcert"), param("sslcert"), param("sslkey")
	if root == "" && cert == "" && key == "" {
		return nil
	}
	if config.TLS == nil {
		config.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if root != "" {
		pem, err := os.ReadFile(root)
		if err != nil {
			return fmt.Errorf("dsn: sslrootcert: %w", err)
		}
		config.TLS.RootCAs = x509.NewCertPool()
		if !config.TLS.RootCAs.AppendCertsFromPEM(pem) {
			return errors.New("dsn: sslrootcert: there is no certificate in the file")
		}
	}
	if cert == "" && key == "" {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("dsn: sslcert, sslkey: %w", err)
	}
	config.TLS.Certificates = []tls.Certificate{pair}
	return nil
}

// isolation lets a transaction that changes rows lock what it reads, since otherwise it would
// read an older state than the one that it changes; and one that reads see one state of all
// tables.
func (mysql) isolation(o dbsql.TxOptions) dbsql.IsolationLevel {
	if o.ReadOnly {
		return dbsql.LevelRepeatableRead
	}
	return dbsql.LevelSerializable
}

// limit makes the server end what this process, frozen, could not: a wait for a lock, an open
// transaction and, but for changes at MySQL, a statement. They end with the permit, if that
// comes first, or within a second of it. The two read the last line as a comment or not.
func (mysql) limit(ctx context.Context, tx *dbsql.Tx, c Config) error {
	life := c.StatementTimeout
	if end, ok := ctx.Deadline(); ok {
		life = max(min(life, time.Until(end)), time.Millisecond)
	}
	wait := seconds(min(life, c.LockWait))
	_, err := tx.ExecContext(ctx, fmt.Sprintf(`SET SESSION innodb_lock_wait_timeout = %d, lock_wait_timeout = %d
		/*M!100300 , max_statement_time = %.3f, idle_transaction_timeout = %d */ /*!50708 , max_execution_time = %s, wait_timeout = %d */`,
		wait, wait, max(life.Seconds(), 0.001), seconds(life), milliseconds(life), seconds(life)))
	return err
}

func seconds(d time.Duration) int64 { return max(int64(d/time.Second), 1) }

// commit says the word itself, because Commit of the driver has no context: it would wait for
// an answer for as long as the network is silent. The Rollback that follows finds nothing.
func (mysql) commit(ctx context.Context, tx *dbsql.Tx) error {
	_, err := tx.ExecContext(ctx, "COMMIT")
	return err
}

// scrub has nothing to do: deleted rows are InnoDB's to purge.
func (mysql) scrub(context.Context, *dbsql.DB) {}

func (mysql) quoteTable(name string) string { return postgres{}.quoteTable(name) }
func (mysql) placeholder(int) string        { return "?" }

// asText compares byte by byte: the result is of bytes, which have no collation.
func (mysql) asText(column string) string { return bytesOf("CAST(" + column + " AS CHAR)") }

func bytesOf(text string) string { return "CAST(CONVERT(" + text + " USING utf8mb4) AS BINARY)" }

// deletion names the alias, which DELETE FROM does not take everywhere.
func (mysql) deletion() string { return "DELETE t0 FROM " }

// folds is true: most collations take letters of either case for the same, and nearly all
// ignore spaces at the end.
func (mysql) folds() bool { return true }

// exactly lets the index find the rows, by the column's own collation, and then compares the
// bytes: 'u-1' = 'U-1 ' holds for the first. A character that the column cannot hold becomes
// a question mark there, and is no match for the second.
func (mysql) exactly(column string, c column, arg func() string) string {
	switch c.class {
	case integer:
		return column + " = CAST(" + arg() + " AS SIGNED)"
	case uuid:
		return column + " = " + arg()
	case text, trimmed, loose, other:
	}
	return "(" + column + " = " + c.convert(arg()) + " AND " + bytesOf(column) + " = CAST(" + arg() + " AS BINARY))"
}

// convert makes a text one of the column's character set and collation, so that the two can
// be compared by its index.
func (c column) convert(text string) string {
	return "CONVERT(" + text + " USING " + c.charset + ") COLLATE " + c.collation
}

func (mysql) explain(err error) error {
	var e *driver.MySQLError
	var connect *net.OpError
	switch {
	case errors.As(err, &e):
		return explainNumber(e.Number, string(e.SQLState[:]))
	case errors.As(err, &connect):
		return errors.New("sql: no connection to the MySQL server")
	case errors.Is(err, driver.ErrInvalidConn):
		return errors.New("sql: the connection to the MySQL server broke")
	}
	return nil
}

// explainNumber reads an error of the server: what SQLSTATE does not tell apart by its number.
func explainNumber(number uint16, state string) error {
	code := fmt.Sprintf("error %d", number)
	switch number {
	case 1205, 1213, 1206, 3572:
		return busy()
	case 1451, 1217:
		return errors.New("sql: other rows still refer to the person's")
	case 1969, 3024, 1317:
		return errors.New("sql: a statement took too long")
	case 1040, 1203, 1226, 1053, 1927, 3169, 1021, 1114:
		return fmt.Errorf("sql: the MySQL server cannot now: %s", code)
	case 1142, 1143, 1227, 1370, 1419:
		return misconfigured("rights", "this user lacks a right: "+code)
	case 1290, 1792, 1836, 3032:
		return misconfigured("read_only", "the server takes no changes: "+code)
	case 1044, 1045, 1049, 1046, 1129, 1130, 1251, 1698, 1820, 1862, 2054, 3118, 4151:
		return misconfigured("credentials", "the MySQL server refuses the user or the database: "+code)
	case 1265, 1366:
		return misconfigured("key_form", "the MySQL server refuses a value: "+code)
	case 1644, 3819, 4025:
		return misconfigured("constraint", "a constraint or trigger forbids the change: "+code)
	case 1267, 1906, 3105:
		return misconfigured("schema", "a statement does not fit the schema: "+code)
	}
	switch state[:2] {
	case "28", "3D":
		return misconfigured("credentials", "the MySQL server refuses the user or the database: "+code)
	case "22":
		return misconfigured("key_form", "the MySQL server refuses a value: "+code)
	case "23", "45":
		return misconfigured("constraint", "a constraint or trigger forbids the change: "+code)
	case "42":
		return misconfigured("schema", "a statement does not fit the schema: "+code)
	}
	return fmt.Errorf("sql: MySQL %s", code)
}
