package s3

import (
	"context"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/expunge-io/expunge/participants"
)

const maxBatch = 1000 // that the protocol allows

// deed is what a store said when items were deleted. What became of them, a listing says.
type deed struct {
	refused map[item]error
	stray   error // of an item whose key the answer does not give as it is
	err     error // that ended it
}

// delete deletes items, and goes on where only some are refused. Uploads go first: one that is
// finished meanwhile becomes an object, which the next listing shows.
func (p *Participant) delete(ctx context.Context, items []item) *deed {
	d := &deed{refused: map[item]error{}}
	for _, i := range items {
		if d.err == nil && i.upload != "" {
			d.note(i, p.abort(ctx, i))
		}
	}
	versions := slices.DeleteFunc(slices.Clone(items), func(i item) bool { return i.upload != "" })
	for len(versions) > 0 && d.err == nil {
		n := batch(versions)
		p.deleteBatch(ctx, versions[:n], d)
		versions = versions[n:]
	}
	return d
}

// batch is how many of the first items one request can delete.
func batch(items []item) int {
	for n, i := range items {
		switch {
		case n == maxBatch, i.bucket != items[0].bucket:
			return n
		case !writable(i.key):
			return max(n, 1)
		}
	}
	return len(items)
}

// writable reports whether XML can hold a key as it is.
func writable(key string) bool {
	bad := func(r rune) bool { return r < ' ' || r == 0x7f || r == utf8.RuneError || r == 0xFFFE || r == 0xFFFF }
	return utf8.ValidString(key) && !strings.ContainsFunc(key, bad)
}

// aPath reports whether something on the way may take a key for a path, and mend it to another
// person's. Such a key is never put into a URL to delete it.
func aPath(key string) bool {
	folder := strings.TrimSuffix(key, "/")
	for segment := range strings.SplitSeq(folder, "/") {
		if segment == "" || dots(segment) {
			return true
		}
	}
	return false
}

var errUnsafe = misconfigured("key_unsafe", "a key has both characters that XML cannot hold and the dots of a path: delete it by hand")

// note keeps in mind what an item was refused with, or what ends it all. What is not there any
// more is nobody's fault.
func (d *deed) note(i item, err error) {
	switch {
	case err == nil || classOf(err) == gone:
	case ofItem(err):
		d.refused[i] = err
	default:
		d.err = err
	}
}

func (p *Participant) abort(ctx context.Context, i item) error {
	_, err := ask(ctx, p, p.api.AbortMultipartUpload, &s3.AbortMultipartUploadInput{Bucket: &i.bucket, Key: &i.key, UploadId: &i.upload})
	return err
}

func (p *Participant) deleteOne(ctx context.Context, i item) error {
	_, err := ask(ctx, p, p.api.DeleteObject, &s3.DeleteObjectInput{Bucket: &i.bucket, Key: &i.key, VersionId: i.id()})
	return err
}

// id is the version to delete. A store that names none has none.
func (i item) id() *string {
	if i.version == "" {
		return nil
	}
	return &i.version
}

// deleteBatch deletes items of one bucket, whose keys XML can hold, or a single one. Stores refuse a whole batch for one locked object,
// or do not know batches; then it is halved.
func (p *Participant) deleteBatch(ctx context.Context, items []item, d *deed) {
	if len(items) == 1 && !aPath(items[0].key) {
		d.note(items[0], p.deleteOne(ctx, items[0]))
		return
	}
	if !writable(items[0].key) {
		d.refused[items[0]] = errUnsafe
		return
	}
	in := &s3.DeleteObjectsInput{Bucket: &items[0].bucket, Delete: &types.Delete{Quiet: aws.Bool(true)}}
	for _, i := range items {
		in.Delete.Objects = append(in.Delete.Objects, types.ObjectIdentifier{Key: &i.key, VersionId: i.id()})
	}
	out, err := ask(ctx, p, p.api.DeleteObjects, in)
	switch {
	case err == nil:
		d.read(items, out.Errors)
	case ofItem(err) && len(items) == 1:
		d.refused[items[0]] = err
	case ofItem(err):
		half := len(items) / 2
		p.deleteBatch(ctx, items[:half], d)
		if d.err == nil {
			p.deleteBatch(ctx, items[half:], d)
		}
	default:
		d.err = err
	}
}

// ofItem reports whether a store that refuses this may still delete other items.
func ofItem(err error) bool {
	var fault *participants.Misconfigured
	return errors.As(err, &fault) && slices.Contains([]class{denied, unable, unlocked, unknown}, classOf(err))
}

// read takes the errors within an answer that is a success as a whole.
func (d *deed) read(items []item, errs []types.Error) {
	for _, e := range errs {
		code, key, version := aws.ToString(e.Code), aws.ToString(e.Key), aws.ToString(e.VersionId)
		err := &refusal{class: codes[code], verb: verbOfCode(code, 0, nil)}
		at := slices.IndexFunc(items, func(i item) bool { return i.key == key && (i.version == version || version == "") })
		switch {
		case err.class == throttled:
			d.err = err
		case at < 0:
			d.stray = err
		default:
			d.refused[items[at]] = err
		}
	}
}
