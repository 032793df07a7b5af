package s3_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
	"github.com/expunge-io/expunge/participants/participantstest"
	"github.com/expunge-io/expunge/participants/s3"
)

func TestConformance(t *testing.T) {
	for _, k := range []kind{plain, versioned, lockable} {
		t.Run(string(k), func(t *testing.T) {
			openStore(t, k) // or skips
			participantstest.Run(t, func(t *testing.T) (participants.Participant, participantstest.Fixture) {
				s := openStore(t, k)
				for _, id := range []string{"user-0042", "user-00421", "user-0042-", "USER-0042", "user-004*"} {
					s.put(t, "users/"+id+"/a.jpg", "users/"+id+"/b.jpg", "users/"+id+"/a.jpg", "avatars/"+id+".png")
					s.begin(t, "users/"+id+"/c.jpg")
					s.hide(t, "users/"+id+"/b.jpg")
					s.put(t, "users/"+id+"/d.jpg")
				}
				p := s.connect(t, photos, s3.Place{Key: "avatars/${user_id}.png"})
				return p, participantstest.Fixture{
					Name:      "pictures",
					Server:    "versitygw, " + string(k),
					Subject:   task("", "user-0042").Identifiers,
					Neighbour: task("", "user-00421").Identifiers,
					Unknown:   task("", "user-9999").Identifiers,
					Items:     s.items,
					Narrow: &participantstest.Narrow{
						Items:   []events.Item{named("users/user-0042/d.jpg")},
						Foreign: named("users/user-00421/d.jpg"),
						Held:    s.held,
					},
					Break: func() error { return s.vanish(context.Background()) },
				}
			})
		})
	}
}

func named(key string) events.Item {
	return events.Item{Participant: "pictures", Kind: "objects", Reference: events.Private(key)}
}

func (s store) held(i events.Item) (bool, error) {
	lines, err := s.left(context.Background())
	return slices.Contains(lines, i.Reference.Reveal()), err
}

// items counts in a listing of the whole bucket.
func (s store) items(ids []events.Identifier) (n int64, err error) {
	lines, err := s.left(context.Background())
	for _, line := range lines {
		id := ids[0].Value.Reveal()
		if strings.HasPrefix(line, "users/"+id+"/") || line == "avatars/"+id+".png" {
			n++
		}
	}
	return n, err
}

// vanish deletes the bucket, with all that is in it.
func (s store) vanish(ctx context.Context) error {
	out, err := s.api.ListObjectVersions(ctx, &awss3.ListObjectVersionsInput{Bucket: &s.bucket})
	if err != nil {
		return err
	}
	drop := func(key, version *string) {
		_, e := s.api.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: &s.bucket, Key: key, VersionId: version})
		err = errors.Join(err, e)
	}
	for _, v := range out.Versions {
		drop(v.Key, v.VersionId)
	}
	for _, m := range out.DeleteMarkers {
		drop(m.Key, m.VersionId)
	}
	uploads, e := s.api.ListMultipartUploads(ctx, &awss3.ListMultipartUploadsInput{Bucket: &s.bucket})
	if err = errors.Join(err, e); err != nil {
		return err
	}
	for _, u := range uploads.Uploads {
		_, e := s.api.AbortMultipartUpload(ctx, &awss3.AbortMultipartUploadInput{Bucket: &s.bucket, Key: u.Key, UploadId: u.UploadId})
		err = errors.Join(err, e)
	}
	_, e = s.api.DeleteBucket(ctx, &awss3.DeleteBucketInput{Bucket: &s.bucket})
	return errors.Join(err, e)
}
