package cognito

import (
	"context"
	"errors"
	"slices"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// survey returns the person's identities that exist. It reads only, and returns an error
// if one of them could be somebody else's.
func (p *Participant) survey(ctx context.Context, t participants.Task) ([]user, error) {
	names, err := p.names(t)
	if err != nil {
		return nil, err
	}
	var out []user
	for _, name := range names {
		u, err := p.get(ctx, name)
		if errors.Is(err, errNoUser) {
			continue
		}
		if err == nil {
			err = guard(t, name, u)
		}
		if errors.Is(err, errTakenOver) {
			continue
		}
		if err != nil {
			return nil, err
		}
		same := func(v user) bool { return v.name == u.name } // by name and by sub
		if !slices.ContainsFunc(out, same) {
			out = append(out, u)
		}
	}
	return out, nil
}

// names returns the user names of a task, each once.
func (p *Participant) names(t participants.Task) ([]string, error) {
	if p.config.Realm != "" && t.Realm != p.config.Realm {
		return nil, misconfigured("wrong_realm", "the task is of another realm than this participant serves")
	}
	var out []string
	for _, name := range t.Values(Username) {
		if name == "" {
			return nil, misconfigured("empty_username", "an identifier is empty")
		}
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	if p.config.NeedSub && len(out) > 0 && len(t.Values(Sub)) == 0 {
		return nil, misconfigured("sub_missing", "need_sub is set, and nobody yields a cognito_sub")
	}
	return out, nil
}

// errTakenOver means that the name now belongs to another person, and that the person's
// own identity is known to be gone.
var errTakenOver = errors.New("cognito: the user name belongs to another identity")

// guard refuses an identity that is not the person's.
func guard(t participants.Task, name string, u user) error {
	if u.name != name && u.sub != name {
		return misconfigured("username_is_alias", "an identifier of type cognito_username is an alias, or differs in case from the user name; yield the user name itself")
	}
	subs := t.Values(Sub)
	if len(subs) == 0 || slices.Contains(subs, u.sub) {
		return nil
	}
	if seen(t) {
		return errTakenOver
	}
	return &participants.Refuse{Code: "wrong_person"}
}

// seen reports whether all identities of the task are known to have existed with the
// right sub: the baseline counted them, or an erase that was never reported took them.
func seen(t participants.Task) bool {
	switch t.Verb {
	case events.Erase:
		return t.MaybeDone || t.Baseline[identities] >= int64(len(t.Values(Username)))
	case events.Verify:
		return t.Baseline[identities] >= int64(len(t.Values(Username)))
	case events.Resolve, events.Suspend, events.Restore:
	}
	return false
}
