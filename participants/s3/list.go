package s3

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// item is a version of an object, a delete marker or an unfinished upload. It names the person.
type item struct {
	bucket, key string
	version     string // "null": written while the bucket had no versions
	upload      string // of an upload
	marker      bool
}

// share is all items of a person, each once, and the place that each was found at first.
type share struct {
	items []item
	at    map[item]*place
	later map[item]*place // what came after the cut-off
}

func (s *share) add(i item, p *place) {
	if _, known := s.at[i]; !known {
		s.at[i] = p
		s.items = append(s.items, i)
	}
}

func (s *share) has(i item) bool {
	_, found := s.at[i]
	return found
}

// found adds an entry of a listing.
func (s *share) found(e entry, p *place, cutOff time.Time) error {
	after, err := isAfter(e.modified, cutOff)
	switch {
	case err != nil:
		return err
	case after:
		s.later[e.item] = p
	default:
		s.add(e.item, p)
	}
	return nil
}

// list returns what is there now.
func (p *Participant) list(ctx context.Context, targets []target, cutOff time.Time) (share, error) {
	s := share{at: map[item]*place{}, later: map[item]*place{}}
	for _, at := range targets {
		for _, pages := range []pager{p.versions, p.uploads} {
			if err := s.read(ctx, at, pages, cutOff); err != nil {
				return s, err
			}
		}
	}
	return s, nil
}

// pager returns the page after a mark.
type pager func(ctx context.Context, at target, after mark) (page, error)

// mark is a place in a listing: after a key, and after a version or an upload of it.
type mark struct{ key, id *string }

type page struct {
	entries []entry
	next    mark // of a page that is not the last
	more    bool
}

type entry struct {
	item
	modified *time.Time // when an object was written, or an upload was begun
}

// A listing that cannot be trusted is not one that shows nothing.
var (
	errNoListing = misconfigured("no_listing", "the answer is not the listing that was asked for: what is at the endpoint is no store, or a proxy answers for it")
	errEndless   = errors.New("s3: a listing does not go on")
	errGarbled   = errors.New("s3: a key in a listing cannot be read")
)

func (s *share) read(ctx context.Context, at target, pages pager, cutOff time.Time) error {
	for after := (mark{}); ; {
		pg, err := pages(ctx, at, after)
		if err != nil {
			return err
		}
		if err := s.take(at, pg, cutOff); err != nil {
			return err
		}
		// One key comes before all that begin with it: on later pages are other people's.
		if !pg.more || at.exact && *pg.next.key != at.text {
			return nil
		}
		if after.key != nil && *after.key == *pg.next.key && aws.ToString(after.id) == aws.ToString(pg.next.id) {
			return errEndless
		}
		after = pg.next
	}
}

// take adds what is on a page, but for other people's that a key is the beginning of.
func (s *share) take(at target, pg page, cutOff time.Time) error {
	for _, e := range pg.entries {
		switch {
		case !strings.HasPrefix(e.key, at.text):
			return errNoListing
		case !at.has(e.key):
			continue
		}
		if err := s.found(e, at.place, cutOff); err != nil {
			return err
		}
	}
	return nil
}

func (p *Participant) versions(ctx context.Context, at target, after mark) (page, error) {
	out, err := ask(ctx, p, p.api.ListObjectVersions, &s3.ListObjectVersionsInput{
		Bucket: &at.Bucket, Prefix: &at.text, KeyMarker: after.key, VersionIdMarker: after.id, EncodingType: types.EncodingTypeUrl,
	})
	if err != nil {
		return page{}, err
	}
	r := reader{encoding: out.EncodingType}
	for _, v := range out.Versions {
		r.add(item{bucket: at.Bucket, version: aws.ToString(v.VersionId)}, v.Key, v.LastModified)
	}
	for _, m := range out.DeleteMarkers {
		r.add(item{bucket: at.Bucket, version: aws.ToString(m.VersionId), marker: true}, m.Key, m.LastModified)
	}
	return r.page(at, out.Name, out.Prefix, out.IsTruncated, out.NextKeyMarker, out.NextVersionIdMarker)
}

func (p *Participant) uploads(ctx context.Context, at target, after mark) (page, error) {
	out, err := ask(ctx, p, p.api.ListMultipartUploads, &s3.ListMultipartUploadsInput{
		Bucket: &at.Bucket, Prefix: &at.text, KeyMarker: after.key, UploadIdMarker: after.id, EncodingType: types.EncodingTypeUrl,
	})
	if err != nil {
		return page{}, err
	}
	r := reader{encoding: out.EncodingType}
	for _, u := range out.Uploads {
		r.add(item{bucket: at.Bucket, upload: aws.ToString(u.UploadId)}, u.Key, u.Initiated)
	}
	return r.page(at, out.Bucket, out.Prefix, out.IsTruncated, out.NextKeyMarker, out.NextUploadIdMarker)
}

// reader reads a page. Keys are encoded, as was asked for, unless the store does not do that:
// in XML some keys could not be written otherwise.
type reader struct {
	encoding types.EncodingType
	entries  []entry
	err      error
}

func (r *reader) add(i item, key *string, modified *time.Time) {
	i.key = r.decode(aws.ToString(key))
	r.entries = append(r.entries, entry{i, modified})
}

func (r *reader) decode(text string) string {
	if r.encoding != types.EncodingTypeUrl {
		return text
	}
	decoded, err := url.QueryUnescape(text)
	if err != nil {
		r.err = errGarbled
	}
	return decoded
}

// page checks that the answer is about the bucket and the prefix that were asked for: the SDK
// takes an empty answer, and any XML, for an empty listing.
func (r *reader) page(at target, bucket, prefix *string, more *bool, key, id *string) (page, error) {
	if aws.ToString(bucket) == "" || r.decode(aws.ToString(prefix)) != at.text {
		return page{}, errNoListing
	}
	pg := page{entries: r.entries, more: aws.ToBool(more), next: mark{id: id}}
	if pg.more {
		next := r.decode(aws.ToString(key))
		if pg.next.key = &next; next == "" {
			return page{}, errEndless
		}
	}
	if aws.ToString(id) == "" {
		pg.next.id = nil
	}
	return pg, r.err
}
