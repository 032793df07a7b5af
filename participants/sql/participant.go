package sql

import (
	"context"
	dbsql "database/sql"
	"slices"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

var _ interface {
	participants.Participant
	participants.Counter
	participants.Resolver
	participants.Needer
} = (*Participant)(nil)

// Participant erases the declared rows of one share. It is safe for concurrent use.
type Participant struct {
	config  Config
	dialect dialect
	db      *dbsql.DB
}

// New returns a participant, or an error that names everything that is wrong with c. It
// opens no connection; see [Participant.Check]. Close it after use.
func New(c Config) (*Participant, error) {
	c = c.withDefaults()
	if err := c.validate(); err != nil {
		return nil, err
	}
	p := &Participant{config: c, dialect: map[string]dialect{SQLite: sqlite{}, Postgres: postgres{}, MySQL: mysql{}}[c.Driver]}
	db, err := p.dialect.open(c)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(4) // a share is a small part of a database's work
	p.db = db
	return p, nil
}

// Close closes all connections.
func (p *Participant) Close() error { return p.db.Close() }

// Check compares the declared tables with the live schema and changes nothing. It returns
// a *participants.Misconfigured when they do not fit.
func (p *Participant) Check(ctx context.Context) error {
	return p.read(ctx, func(*work) error { return nil })
}

// Needs implements [participants.Needer].
func (p *Participant) Needs() []events.IdentifierType {
	var out []events.IdentifierType
	for _, t := range p.config.Tables {
		if t.Parent == nil && !slices.Contains(out, t.KeyType) {
			out = append(out, t.KeyType)
		}
	}
	return out
}

// Yields implements [participants.Resolver].
func (p *Participant) Yields() []events.IdentifierType {
	var out []events.IdentifierType
	for _, t := range p.config.Tables {
		for _, y := range t.Yields {
			if !slices.Contains(out, y.Type) {
				out = append(out, y.Type)
			}
		}
	}
	return out
}
