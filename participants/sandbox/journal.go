package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

// journal is an append-only log of records of type T, and the state is their fold. A
// record is applied only after it is on disk, so that nothing is answered, and nothing
// seen by a later request, that a crash would undo.
type journal[T any] struct {
	file  *os.File // nil: in memory only
	size  int64    // length of the whole records; what lies behind is torn
	apply func(T)
}

func openJournal[T any](path string, apply func(T)) (*journal[T], error) {
	j := &journal[T]{apply: apply}
	if path == "" {
		return j, nil
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	j.file = f
	if err := j.replay(path); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return j, nil
}

// replay applies the whole records and cuts off a last one that a kill left torn: it was
// never answered.
func (j *journal[T]) replay(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	whole := data[:bytes.LastIndexByte(data, '\n')+1]
	for line := range bytes.Lines(whole) {
		var rec T
		if err := json.Unmarshal(line, &rec); err != nil {
			return errors.New("journal is damaged: a whole line is not a record")
		}
		j.apply(rec)
	}
	j.size = int64(len(whole))
	return j.rewind()
}

func (j *journal[T]) rewind() error {
	if err := j.file.Truncate(j.size); err != nil {
		return fmt.Errorf("cut torn record: %w", err)
	}
	_, err := j.file.Seek(j.size, 0)
	return err
}

// commit writes records, syncs once, and applies them. On an error none of them counts.
func (j *journal[T]) commit(recs ...T) error {
	if j.file != nil {
		if err := j.write(recs); err != nil {
			return errors.Join(err, j.rewind())
		}
	}
	for _, rec := range recs {
		j.apply(rec)
	}
	return nil
}

func (j *journal[T]) write(recs []T) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf) // one line a record
	for _, rec := range recs {
		if err := enc.Encode(rec); err != nil {
			return fmt.Errorf("encode record: %w", err)
		}
	}
	if _, err := j.file.Write(buf.Bytes()); err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	if err := j.file.Sync(); err != nil {
		return fmt.Errorf("sync journal: %w", err)
	}
	j.size += int64(buf.Len())
	return nil
}

func (j *journal[T]) close() error {
	if j.file == nil {
		return nil
	}
	return j.file.Close()
}
