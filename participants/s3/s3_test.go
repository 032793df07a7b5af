package s3_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
	"github.com/expunge-io/expunge/participants/participantstest"
	"github.com/expunge-io/expunge/participants/s3"
)

// TestVersionsMarkersAndUploadsGo: what a plain deletion leaves.
func TestVersionsMarkersAndUploadsGo(t *testing.T) {
	s := openStore(t, plain)
	s.put(t, photo("kim", 1)) // before there were versions
	s.version(t, types.BucketVersioningStatusEnabled)
	s.put(t, photo("kim", 1), photo("kim", 1), photo("kim", 2), photo("lee", 1), photo("lee", 1))
	s.hide(t, photo("kim", 2))
	s.hide(t, photo("kim", 2))
	s.hide(t, photo("lee", 1))
	s.version(t, types.BucketVersioningStatusSuspended)
	s.put(t, photo("kim", 3))
	s.begin(t, photo("kim", 4))
	s.begin(t, photo("kim", 4))
	s.begin(t, photo("lee", 4))
	// Three versions of the first, one and two markers of the second, the third, two uploads.
	wantErased(t, s.connect(t, photos), 3+3+1+2, "kim")
	s.wantLeft(t, photo("lee", 1), photo("lee", 1), photo("lee", 1)+" marker", photo("lee", 4)+" upload")
}

func TestABucketWithoutVersions(t *testing.T) {
	s := openStore(t, plain)
	s.put(t, photo("kim", 1), photo("kim", 2), photo("lee", 1))
	s.begin(t, photo("kim", 3))
	wantErased(t, s.connect(t, photos), 3, "kim")
	s.wantLeft(t, photo("lee", 1))
}

// TestNeighboursAreUntouched: their keys begin like the person's.
func TestNeighboursAreUntouched(t *testing.T) {
	s := openStore(t, versioned)
	others := []string{"avatars/10.png", "avatars/11", "users/10/a", "users/1-a", "users/1.jpg", "x/users/1/a"}
	s.put(t, others...)
	s.put(t, "users/1/a", "users/1/c/b", "avatars/1", "avatars/1.png")
	s.begin(t, "avatars/1")
	s.begin(t, "avatars/12")
	p := s.connect(t, photos, s3.Place{Key: "avatars/${user_id}"}, s3.Place{Key: "avatars/${user_id}.png"})
	for _, id := range []string{"*", "?", "%", "1*", "[1]", "^1", "$", "u", "users", "${user_id}", "1 ", "１"} {
		wantErased(t, p, 0, id)
	}
	wantErased(t, p, 5, "1")
	s.wantLeft(t, "avatars/10.png", "avatars/11", "avatars/12 upload", "users/1-a", "users/1.jpg", "users/10/a", "x/users/1/a")
}

// TestManyObjects: more than a page, a batch and a request hold.
func TestManyObjects(t *testing.T) {
	s := openStore(t, versioned)
	const n = 2500
	keys := make(chan string)
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() {
			for key := range keys {
				s.put(t, key)
			}
		})
	}
	for i := range n {
		keys <- photo("kim", i)
	}
	close(keys)
	writers.Wait()
	s.put(t, photo("kim", 0), photo("kimi", 1))
	calls := &recorder{}
	c := s.config(photos)
	c.Client = calls.client(t)
	wantErased(t, open(t, c), n+1, "kim")
	s.wantLeft(t, photo("kimi", 1))
	if got := calls.count("POST", "delete"); got != 3 {
		t.Errorf("%d batches, want 3", got)
	}
	if got := calls.count("DELETE", ""); got != 0 {
		t.Errorf("%d single deletions, want none", got)
	}
}

// TestOddKeys: what XML, URLs, paths and patterns have a meaning for.
func TestOddKeys(t *testing.T) {
	s := openStore(t, versioned)
	for _, id := range []string{
		`o'neil "x"`, "100%", "%2F", "a*b", "a?b", "a&b", "<a>", "a+b", "a b", "two\nlines", "tab\there", "größe", "\U0001F600", "e\u0301", "#", "~", "a=b;c", "[x]{y}", "^", "`", "|", "$ne", "a,b", "\u0085x", "\u2028",
	} {
		t.Run(fmt.Sprintf("%q", id), func(t *testing.T) {
			s.put(t, "users/"+id+"/"+id, "users/"+id+"/"+id, "users/"+id+"x/1")
			s.begin(t, "users/"+id+"/upload "+id)
			p := s.connect(t, photos)
			wantErased(t, p, 3, "user_id="+id)
			wantErased(t, p, 1, "user_id="+id+"x")
		})
	}
	s.wantLeft(t)
}

// TestValuesThatReachFurther are refused before anything is asked.
func TestValuesThatReachFurther(t *testing.T) {
	c := s3.Config{Endpoint: "http://127.0.0.1:1", AccessKeyID: "i", SecretAccessKey: "s", Places: []s3.Place{{Kind: "k", Bucket: "b", Prefix: "u/${user_id}/"}}}
	for delimiter, ids := range map[string]map[string]string{
		"":     {"a/b": "holds_delimiter", "/": "holds_delimiter", ".": "dots", "..": "dots", strings.Repeat("a", 1022): "key_too_long"},
		"-":    {"a-b": "holds_delimiter", "a/../b": "dots", "..": "dots"},
		"none": {"a/./b": "dots"},
	} {
		for id, code := range ids {
			c := c
			if c.Delimiter = delimiter; delimiter != "" {
				c.Places = []s3.Place{{Kind: "k", Bucket: "b", Key: "${user_id}"}}
			}
			p := open(t, c)
			_, errE := p.Erase(t.Context(), task(events.Erase, id))
			_, errC := p.Count(t.Context(), task(events.Verify, id))
			for _, err := range []error{errE, errC} {
				var refused *participants.Refuse
				if !errors.As(err, &refused) || refused.Code != code {
					t.Errorf("%.10q with delimiter %q: %v, want refused: %s", id, delimiter, err, code)
				}
			}
		}
	}
	_, err := open(t, c).Erase(t.Context(), task(events.Erase, ""))
	wantMisconfigured(t, err, "empty_identifier")
	c.Realm = "other"
	_, err = open(t, c).Erase(t.Context(), task(events.Erase, "kim"))
	wantMisconfigured(t, err, "wrong_realm")
}

func TestSeveralBucketsAndIdentifiers(t *testing.T) {
	s, exports := openStore(t, versioned), openStore(t, plain)
	s.put(t, "a/kim/1", "a/lee/1", "b/kim/1", "b/max/1", "c/kim/1")
	exports.put(t, "export-kim.zip", "export-kim.zip.sig", "export-max.zip")
	p := s.connect(t,
		s3.Place{Prefix: "${tenant}/${user_id}/"},
		s3.Place{Prefix: "a/${user_id}/"}, // the same once more
		s3.Place{Kind: "exports", Bucket: exports.bucket, Key: "export-${user_id}.zip"})
	if got, want := p.Needs(), []events.IdentifierType{"tenant", "user_id"}; !reflect.DeepEqual(got, want) {
		t.Errorf("needs %v, want %v", got, want)
	}
	ids := []string{"tenant=a", "tenant=b", "kim", "lee", "order=7"}
	counts, err := p.Count(t.Context(), task(events.Resolve, ids...))
	if err != nil || counts["objects"] != 3 || counts["exports"] != 1 {
		t.Errorf("counted %v, %v", counts, err)
	}
	wantErased(t, p, 4, ids...)
	s.wantLeft(t, "b/max/1", "c/kim/1")
	exports.wantLeft(t, "export-kim.zip.sig", "export-max.zip")
	wantErased(t, p, 0, "tenant=b") // whose, nobody says
}

// TestANamedKeyGoesWithAllThatIsUnderIt, and nothing else does.
func TestANamedKeyGoesWithAllThatIsUnderIt(t *testing.T) {
	s := openStore(t, versioned)
	s.put(t, "users/kim/1", "users/kim/1", "users/kim/10", "users/lee/1", "avatars/kim.png")
	s.hide(t, "users/kim/1")
	s.begin(t, "users/kim/1")
	s.begin(t, "users/kim/10")
	p := s.connect(t, photos, s3.Place{Kind: "avatars", Key: "avatars/${user_id}.png"})
	narrow := func(items ...events.Item) participants.Task {
		t := task(events.Erase, "kim")
		t.Items = items
		return t
	}
	for _, item := range []events.Item{
		named("users/lee/1"), named("users/"), named(""), named("users/kim"), named("avatars/kim.png"), // that is of another kind
		{Participant: "pictures", Kind: "avatars", Reference: "users/kim/1"}, {Participant: "pictures", Kind: "avatars", Reference: "avatars/kim"},
	} {
		var refused *participants.Refuse
		if _, err := p.Erase(t.Context(), narrow(named("users/kim/1"), item)); !errors.As(err, &refused) || refused.Code != "item_not_the_persons" {
			t.Errorf("%q: got %v", item.Reference.Reveal(), err)
		}
	}
	res, err := p.Erase(t.Context(), narrow(named("users/kim/1"), named("users/kim/none")))
	if err != nil || res.Counts["objects"] != 4 || res.Counts.Total() != 4 {
		t.Errorf("got %+v, %v", res, err)
	}
	s.wantLeft(t, "avatars/kim.png", "users/kim/10", "users/kim/10 upload", "users/lee/1")
}

// TestWhatCameAfterTheCutOffIsLeft, by the second.
func TestWhatCameAfterTheCutOffIsLeft(t *testing.T) {
	s := openStore(t, versioned)
	s.put(t, photo("kim", 1), photo("kim", 2))
	s.begin(t, photo("kim", 3))
	cutOff := nextSecond(t)
	s.put(t, photo("kim", 4)) // at this server, a version that is replaced counts as written then
	s.begin(t, photo("kim", 5))
	s.hide(t, photo("kim", 4))
	p := s.connect(t, photos)
	task := task(events.Erase, "kim")
	task.CutOff = cutOff.Add(100 * time.Millisecond)
	if n, err := p.Count(t.Context(), task); err != nil || n.Total() != 3 {
		t.Errorf("counted %v, %v", n, err)
	}
	res, err := p.Erase(t.Context(), task)
	if err != nil || res.Counts.Total() != 3 || res.Left.Total() != 3 {
		t.Errorf("got %+v, %v; want 3, and 3 left", res, err)
	}
	s.wantLeft(t, photo("kim", 4), photo("kim", 4)+" marker", photo("kim", 5)+" upload")
	if res, err := p.Erase(t.Context(), task); err != nil || res.Verdict != events.Absent || res.Left.Total() != 3 {
		t.Errorf("got %+v, %v; want absent, and 3 left", res, err)
	}
}

// nextSecond waits until the store writes another second, and returns it.
func nextSecond(t *testing.T) time.Time {
	t.Helper()
	s := openStore(t, plain)
	now := func() time.Time {
		s.put(t, "clock")
		out, err := s.api.HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: &s.bucket, Key: aws.String("clock")})
		must(t, err)
		return *out.LastModified
	}
	for begun := now(); ; {
		if later := now(); later.After(begun) {
			return later
		}
	}
}

// TestLockedObjectsAreRetained, and everything else is not.
func TestLockedObjectsAreRetained(t *testing.T) {
	s := openStore(t, lockable)
	until := time.Now().Add(48 * time.Hour).UTC().Truncate(time.Second)
	s.retain(t, photo("kim", 3), s.put(t, photo("kim", 3)), until.Add(-time.Hour))
	s.retain(t, photo("kim", 1), s.put(t, photo("kim", 1)), until)
	s.put(t, photo("kim", 1), photo("kim", 2), photo("kim", 4), photo("lee", 1))
	s.hide(t, photo("kim", 1))
	s.begin(t, photo("kim", 5))
	place := photos
	place.Ground = "tax law: 10 years"
	p := s.connect(t, place)
	res, err := p.Erase(t.Context(), task(events.Erase, "kim"))
	var kept *participants.Retained
	if !errors.As(err, &kept) || kept.Ground != "tax law: 10 years" || kept.Until == nil || !kept.Until.Equal(until) {
		t.Fatalf("got %+v, %v; want it retained until %s", res, err, until)
	}
	if res.Counts.Total() != 5 {
		t.Errorf("deleted %v, want 5", res.Counts)
	}
	s.wantLeft(t, photo("kim", 1), photo("kim", 3), photo("lee", 1))
	wantCount(t, p, 2, "kim")

	s.hold(t, photo("kim", 6), s.put(t, photo("kim", 6)))
	if _, err = p.Erase(t.Context(), task(events.Erase, "kim")); !errors.As(err, &kept) || kept.Until != nil {
		t.Errorf("got %v; want it retained without an end", err)
	}
	wantCount(t, p, 3, "kim")

	r, err := participantstest.Do(t.Context(), "pictures", p, events.Erase, task("", "kim").Identifiers...)
	if err != nil || r.Verdict != events.Retained || r.Ground != "tax law: 10 years" {
		t.Errorf("report %+v, %v", r, err)
	}
	r, err = participantstest.Do(t.Context(), "pictures", p, events.Verify, task("", "kim").Identifiers...)
	if err != nil || r.Remaining == nil || *r.Remaining != 3 {
		t.Errorf("report %+v, %v; want 3 that remain", r, err)
	}
}

// TestALockAmongManyObjects: a store that refuses a whole batch for it.
func TestALockAmongManyObjects(t *testing.T) {
	s := openStore(t, lockable)
	for i := range 40 {
		s.put(t, photo("kim", i))
	}
	s.hold(t, photo("kim", 17), s.put(t, photo("kim", 17)))
	calls := &recorder{}
	c := s.config(photos)
	c.Client = calls.client(t)
	res, err := open(t, c).Erase(t.Context(), task(events.Erase, "kim"))
	if !errors.As(err, new(*participants.Retained)) || res.Counts.Total() != 40 {
		t.Errorf("got %v, %v", res.Counts, err)
	}
	s.wantLeft(t, photo("kim", 17))
	if n := calls.count("POST", "delete") + calls.count("DELETE", ""); n > 16 {
		t.Errorf("%d requests to delete 41 versions", n)
	}
}

// TestWhoeverCannotSeeSaysSo: never absent.
func TestWhoeverCannotSeeSaysSo(t *testing.T) {
	s := openStore(t, versioned)
	s.put(t, photo("kim", 1))
	for _, c := range []struct {
		code  string
		spoil func(*s3.Config)
	}{
		{"bucket_missing", func(c *s3.Config) { c.Places[0].Bucket += "x" }},
		{"credentials", func(c *s3.Config) { c.SecretAccessKey = "guess" }},
		{"credentials", func(c *s3.Config) { c.AccessKeyID = "nobody" }},
		{"no_right", func(c *s3.Config) { c.AccessKeyID, c.SecretAccessKey = strangerKey, strangerPwd }},
		{"wrong_region", func(c *s3.Config) { c.Region = "eu-central-1" }},
	} {
		spoiled := s.config(photos)
		c.spoil(&spoiled)
		p := open(t, spoiled)
		_, err := p.Erase(t.Context(), task(events.Erase, "kim"))
		wantMisconfigured(t, err, c.code)
		_, err = p.Count(t.Context(), task(events.Verify, "kim"))
		wantMisconfigured(t, err, c.code)
		wantMisconfigured(t, p.Check(t.Context()), c.code)
	}
	p := s.connect(t, photos)
	must(t, p.Check(t.Context()))
	wantCount(t, p, 1, "kim")
}

// TestALostAnswerIsSettledByLookingAgain: the effect is there, and the answer is not.
func TestALostAnswerIsSettledByLookingAgain(t *testing.T) {
	s := openStore(t, versioned)
	s.put(t, photo("kim", 1), photo("kim", 2))
	calls := &recorder{lose: func(r *http.Request) bool { return r.Method == http.MethodPost }}
	c := s.config(photos)
	c.Client = calls.client(t)
	p := open(t, c)
	res, err := p.Erase(t.Context(), task(events.Erase, "kim"))
	if err != nil || res.Counts.Total() != 2 {
		t.Errorf("got %v, %v", res.Counts, err)
	}
	s.put(t, photo("kim", 3), photo("kim", 4))
	deleted := false
	calls.lose = func(r *http.Request) bool { deleted = deleted || r.Method == http.MethodPost; return deleted }
	if res, err := p.Erase(t.Context(), task(events.Erase, "kim")); err == nil {
		t.Errorf("got %v, although nothing could be seen", res)
	}
	calls.lose = nil
	again := task(events.Erase, "kim")
	again.MaybeDone = true
	if res, err := p.Erase(t.Context(), again); err != nil || res.Verdict != events.Absent {
		t.Errorf("got %+v, %v; want absent", res, err)
	}
}

// TestWhatIsWrittenMeanwhileGoesToo, as long as the person does not write for ever.
func TestWhatIsWrittenMeanwhileGoesToo(t *testing.T) {
	s := openStore(t, versioned)
	s.put(t, photo("kim", 1))
	wrote := 0
	calls := &recorder{lose: func(r *http.Request) bool {
		if r.Method == http.MethodDelete && wrote < 2 {
			wrote++
			s.put(t, photo("kim", 1+wrote))
		}
		return false
	}}
	c := s.config(photos)
	c.Client = calls.client(t)
	res, err := open(t, c).Erase(t.Context(), task(events.Erase, "kim"))
	if err != nil || res.Counts.Total() != 3 {
		t.Errorf("got %v, %v", res.Counts, err)
	}
	s.wantLeft(t)
}

// recorder is a client that counts requests, and loses answers to some.
type recorder struct {
	http.Transport
	mu   sync.Mutex
	seen map[string]int
	lose func(*http.Request) bool
}

func (r *recorder) client(t *testing.T) *http.Client {
	t.Cleanup(r.CloseIdleConnections)
	return &http.Client{Transport: r}
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := r.Transport.RoundTrip(req)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen == nil {
		r.seen = map[string]int{}
	}
	for key := range req.URL.Query() {
		r.seen[req.Method+" "+key]++
	}
	r.seen[req.Method]++
	if err == nil && r.lose != nil && r.lose(req) {
		_ = resp.Body.Close()
		return nil, errors.New("the connection was reset")
	}
	return resp, err
}

// count is how many requests of a method there were, with a parameter if that is not empty.
func (r *recorder) count(method, parameter string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen[strings.TrimSpace(method+" "+parameter)]
}

func TestACancelledContextEndsTheWork(t *testing.T) {
	s := openStore(t, versioned)
	s.put(t, photo("kim", 1))
	p := s.connect(t, photos)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Erase(ctx, task(events.Erase, "kim")); !errors.Is(err, context.Canceled) {
		t.Errorf("erase: %v", err)
	}
	if _, err := p.Count(ctx, task(events.Verify, "kim")); !errors.Is(err, context.Canceled) {
		t.Errorf("count: %v", err)
	}
	s.wantLeft(t, photo("kim", 1))
}

func TestConfigFaultsAreReportedAtOnce(t *testing.T) {
	_, err := s3.New(s3.Config{Endpoint: "http://store.example.com", Timeout: -1, Places: []s3.Place{{}}})
	for _, want := range []string{"access_key_id, secret_access_key: are needed", "endpoint: want https", "timeout: ", "places[0]: kind: is needed"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in:\n%v", want, err)
		}
	}
	good := s3.Config{Region: "eu-central-1", AccessKeyID: "i", SecretAccessKey: "s"}
	for i, c := range []struct {
		place s3.Place
		want  string
	}{
		{s3.Place{Prefix: "users/${user_id}"}, "prefix: the delimiter / must come right after"},
		{s3.Place{Prefix: "users/${user_id}-x/"}, "prefix: the delimiter / must come right after"},
		{s3.Place{Prefix: "users/${tenant}${user_id}/"}, "prefix: the delimiter / must come right after"},
		{s3.Place{Prefix: "users/"}, "prefix: must hold an identifier"},
		{s3.Place{Prefix: "users/${User}/"}, "prefix: want ${identifier_type}"},
		{s3.Place{Prefix: "users/${user_id/"}, "prefix: want ${identifier_type}"},
		{s3.Place{Key: "fixed"}, "key: must hold an identifier"},
		{s3.Place{Key: "${tenant}${user_id}"}, "key: the delimiter / must stand between"},
		{s3.Place{Key: "${tenant}-${user_id}"}, "key: the delimiter / must stand between"},
		{s3.Place{Key: "${user_id}", Prefix: "${user_id}/"}, "prefix: want a prefix or a key"},
		{s3.Place{}, "prefix: want a prefix or a key"},
		{s3.Place{Bucket: "a/b", Key: "${user_id}"}, "bucket: want the name of one"},
		{s3.Place{Bucket: "${user_id}", Key: "${user_id}"}, "bucket: want the name of one"},
		{s3.Place{Key: "${user_id}"}, ""},
		{s3.Place{Key: "${tenant}x/y${user_id}.png"}, ""},
		{s3.Place{Prefix: "${tenant}/${user_id}/2"}, ""},
	} {
		c.place.Kind = "k"
		if c.place.Bucket == "" {
			c.place.Bucket = "b"
		}
		good.Places = []s3.Place{c.place}
		p, err := s3.New(good)
		if got := fmt.Sprint(err); c.want == "" && err != nil || c.want != "" && !strings.Contains(got, "places[0]: "+c.want) {
			t.Errorf("%d: got %q, want %q", i, got, c.want)
		}
		if err == nil {
			_ = p.Close()
		}
	}
}
