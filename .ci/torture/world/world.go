package world

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/expunge-io/expunge/participants/sandbox"
	"github.com/expunge-io/expunge/torture/record"
)

// World is the systems, open and served. It is used by several goroutines.
type World struct {
	Folder        string
	Token, Secret string // credentials at both vendors
	JumioURL      string
	CognitoURL    string

	dbs     databases
	jumio   *sandbox.Jumio
	cognito *sandbox.Cognito
	servers []*http.Server

	mu     sync.Mutex
	people []Person
	born   map[string]born // made again after an end, by the key of the item
	deeds  []record.Deed   // of operators
}

type born struct {
	person string
	at     time.Time
}

// Open makes the systems in an empty folder, without people.
func Open(ctx context.Context, folder string) (*World, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	w := &World{Folder: folder, Token: rand.Text(), Secret: rand.Text(), born: map[string]born{}}
	var err error
	if w.dbs, err = openDatabases(ctx, folder); err != nil {
		return nil, err
	}
	if w.jumio, err = sandbox.OpenJumio(sandbox.JumioConfig{
		Accounts: []sandbox.JumioAccount{{Tenant: Tenant, Token: w.Token, Secret: w.Secret}},
		Journal:  w.jumioJournal(), Now: time.Now,
	}); err != nil {
		return nil, err
	}
	if w.cognito, err = sandbox.OpenCognito(sandbox.CognitoConfig{
		Region: Region, Keys: []sandbox.AccessKey{{Account: Tenant, ID: w.Token, Secret: w.Secret}},
		Pools:   []sandbox.UserPool{{Account: Tenant, ID: Pool}},
		Journal: w.cognitoJournal(), Now: time.Now,
	}); err != nil {
		return nil, err
	}
	if w.JumioURL, err = w.serve(ctx, w.jumio); err != nil {
		return nil, err
	}
	w.CognitoURL, err = w.serve(ctx, w.cognito)
	return w, errors.Join(err, w.jumio.Put(scan(probe)))
}

func (w *World) jumioJournal() string   { return filepath.Join(w.Folder, "jumio.journal") }
func (w *World) cognitoJournal() string { return filepath.Join(w.Folder, "cognito.journal") }

func (w *World) serve(ctx context.Context, h http.Handler) (url string, err error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	w.servers = append(w.servers, srv)
	go func() { _ = srv.Serve(l) }() // it ends with Close
	return "http://" + l.Addr().String(), nil
}

// Close ends everything.
func (w *World) Close() {
	for _, s := range w.servers {
		_ = s.Close()
	}
	_, _ = w.jumio.Close(), w.cognito.Close() // every change is on disk
	w.dbs.close()
}

// Settle gives people their shares.
func (w *World) Settle(ctx context.Context, people ...Person) error {
	var users []sandbox.CognitoUser
	var scans []sandbox.JumioTransaction
	for _, p := range people {
		users = append(users, p.user())
		scans = append(scans, p.transactions()...)
	}
	if err := errors.Join(w.dbs.insert(ctx, people), w.cognito.Put(users...), w.jumio.Put(scans...)); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.people = append(w.people, people...)
	return nil
}

// Rebear makes items of a person again, under their old names, as somebody who signs up anew
// would: one at a vendor, and one in a database.
func (w *World) Rebear(ctx context.Context, p Person) error {
	t := tables[0]
	row := t.rows(p)[0]
	w.note(p, p.Scans[0], row[0].(string))
	_, err := w.dbs[t.file].ExecContext(ctx, "INSERT INTO "+t.name+" VALUES (?, ?)", row...)
	return errors.Join(err, w.jumio.Put(p.transactions()[0]))
}

// note is made before the items are, so that an effect in between counts against it too.
func (w *World) note(p Person, keys ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, key := range keys {
		w.born[key] = born{p.ID, time.Now()}
	}
}

// Config is the part of a worker configuration that says where the shares are, as YAML.
func (w *World) Config() string {
	return fmt.Sprintf(workers, Realm, w.Folder, w.Token, w.Secret,
		sandbox.JumioAPI(w.JumioURL, images), sandbox.JumioRetrieval(w.JumioURL, images), probe,
		Region, Pool, w.CognitoURL)
}
