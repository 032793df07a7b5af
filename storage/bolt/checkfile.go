package bolt

import (
	"context"
	"errors"
	"os"

	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// CheckFile is [Store.Check] for a file that nobody has open, also for one that Open
// refuses: then the report says why. It changes nothing. ErrLocked, [fs.ErrNotExist], the
// context's error.
func CheckFile(ctx context.Context, path string) (Report, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Report{}, err
	}
	if info.Size() == 0 {
		return Report{Faults: []Fault{{What: "the file is empty"}}}, nil
	}
	s, err := Open(path, Config{lenient: true})
	if errors.Is(err, storage.ErrDamaged) {
		return Report{Faults: []Fault{{What: err.Error()}}}, nil
	}
	if err != nil {
		return Report{}, err
	}
	r, err := s.Check(ctx)
	return r, errors.Join(err, s.Close())
}

// LiveOf returns the ids of the sagas under way in a file that nobody has open, damaged
// ones among them as far as they tell. Errors are those of CheckFile, and ErrDamaged.
func LiveOf(ctx context.Context, path string) (ids []saga.ID, err error) {
	s, err := openExisting(path, Config{})
	if err != nil {
		return nil, err
	}
	for st, err := range s.Live(ctx) {
		hurt, damaged := errors.AsType[*storage.DamagedError](err)
		switch {
		case err == nil:
			ids = append(ids, st.ID)
		case damaged && hurt.Saga != "":
			ids = append(ids, hurt.Saga)
		default:
			return nil, errors.Join(err, s.Close())
		}
	}
	return ids, s.Close()
}
