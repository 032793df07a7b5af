package bolt

import (
	"context"
	"errors"
	"os"

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
