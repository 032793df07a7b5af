package s3

import (
	"cmp"
	"context"
	"errors"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/expunge-io/expunge/participants"
)

// errNotDeleted is no error of a store: it said that it deleted an item, and shows it still.
var errNotDeleted = errors.New("s3: what was deleted is still there")

// why says what keeps items there that were to be deleted: Retained if they are all locked;
// errNotDeleted if nobody said anything; or the verb of the first refusal.
func (p *Participant) why(ctx context.Context, left share, d *deed) error {
	var kept *participants.Retained
	lied := false
	for _, i := range left.items {
		err := p.whyOne(ctx, i, cmp.Or(d.refused[i], d.stray, errNotDeleted))
		var lock *locked
		switch {
		case errors.As(err, &lock):
			kept = longer(kept, &participants.Retained{Ground: left.at[i].Ground, Until: lock.until})
		case errors.Is(err, errNotDeleted):
			lied = true
		default:
			return err
		}
	}
	if lied || kept == nil { // a verdict on the whole share may not hide that
		return errNotDeleted
	}
	return kept
}

// longer returns what keeps a share for longer; what has no end keeps it longest.
func longer(a, b *participants.Retained) *participants.Retained {
	if a == nil || a.Until != nil && (b.Until == nil || b.Until.After(*a.Until)) {
		return b
	}
	return a
}

// locked is the state of an object that must not be deleted.
type locked struct{ until *time.Time } // nil: no end is known

func (l *locked) Error() string { return "s3: an object is locked" }

// whyOne looks for a lock before it believes what an item was refused with.
func (p *Participant) whyOne(ctx context.Context, i item, refused error) error {
	if i.upload != "" || i.marker || classOf(refused) == passing {
		return refused // it cannot be locked, or that is not why
	}
	for _, look := range []func(context.Context, item) error{p.hold, p.retention} {
		if err := look(ctx, i); err != nil {
			return err
		}
	}
	return refused
}

// retention returns *locked if there is one that has not ended by the store's own clock.
func (p *Participant) retention(ctx context.Context, i item) error {
	out, err := ask(ctx, p, p.api.GetObjectRetention, &s3.GetObjectRetentionInput{Bucket: &i.bucket, Key: &i.key, VersionId: i.id()})
	if err != nil || out.Retention == nil || out.Retention.Mode == "" {
		return unlessUnlocked(err)
	}
	until := out.Retention.RetainUntilDate
	if until == nil {
		return &locked{}
	}
	now, told := awsmiddleware.GetServerTime(out.ResultMetadata)
	if told && !until.After(now) {
		return nil
	}
	end := until.UTC()
	return &locked{until: &end}
}

// hold returns *locked if there is a legal hold.
func (p *Participant) hold(ctx context.Context, i item) error {
	out, err := ask(ctx, p, p.api.GetObjectLegalHold, &s3.GetObjectLegalHoldInput{Bucket: &i.bucket, Key: &i.key, VersionId: i.id()})
	if err == nil && out.LegalHold != nil && out.LegalHold.Status == types.ObjectLockLegalHoldStatusOn {
		return &locked{}
	}
	return unlessUnlocked(err)
}

// unlessUnlocked drops what a store says to the question for a lock where there is none, or
// nothing any more.
func unlessUnlocked(err error) error {
	switch classOf(err) {
	case unlocked, unable, gone:
		return nil
	case denied:
		return misconfigured("no_right", "a deletion was refused, and the credentials may not see whether a lock is why: they need s3:GetObjectRetention and s3:GetObjectLegalHold, or s3:DeleteObjectVersion")
	default:
		return err
	}
}
