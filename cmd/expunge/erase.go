package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/expunge-io/expunge/cmd/expunge/demo"
	"github.com/expunge-io/expunge/events"
)

// eraseLimit is how long the demo waits for an end.
const eraseLimit = 60 * time.Second

// erase asks for the erasure as a service would, with a stored event, and follows it until
// it is final or parked. It returns the state it came to and how many participants took
// part.
func (t *theatre) erase(ctx context.Context) (status string, took int, err error) {
	ctx, cancel := context.WithTimeout(ctx, eraseLimit)
	defer cancel()
	nc, err := t.stack.Connect(ctx)
	if err != nil {
		return "", 0, err
	}
	s, err := newSession(nc, demo.Source)
	if err != nil {
		nc.Close()
		return "", 0, err
	}
	defer s.close()
	summaries, err := s.client.Watch(ctx)
	if err != nil {
		return "", 0, err
	}
	defer summaries.Close()
	saga, err := t.publish(ctx, s)
	if err != nil {
		return "", 0, err
	}
	st, err := t.followToEnd(ctx, s, saga)
	if err != nil || !st.State.Final() {
		return statusOf(st), len(st.Participants), err
	}
	_, text, err := summaries.Await(ctx, saga)
	if err != nil {
		return "", 0, err
	}
	return t.showFinal(text)
}

// publish stores the request event and returns the saga that the acceptance names.
func (t *theatre) publish(ctx context.Context, s *session) (string, error) {
	id := uuid.Must(uuid.NewV7()).String()
	heard, err := s.events(ctx)
	if err != nil {
		return "", err
	}
	request := events.Request{UserID: events.Private(t.person.ID), Reason: "asked by the person", CorrelationID: id}
	if _, err := s.client.Publish(ctx, request, id); err != nil {
		return "", err
	}
	t.say("Published an erasure event on %s, as a service does.", events.SubjectRequested(demo.Source))
	for e := range heard {
		if e.CorrelationID == id && e.Kind == events.KindAccepted {
			t.say("Accepted as saga %s, due %s.\n", e.Saga, instant(e.Due))
			return e.Saga, nil
		}
	}
	return "", fmt.Errorf("wait for the acceptance: %w", context.Cause(ctx))
}

func (t *theatre) followToEnd(ctx context.Context, s *session, saga string) (events.Status, error) {
	p := newProgress(t.w.out)
	st, err := s.follow(ctx, saga, 10*time.Millisecond, p.show, func(st events.Status) bool {
		return st.State.Final() || st.Parked != ""
	})
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		t.say("\nNo end after %s.", eraseLimit)
		return st, nil
	case err == nil && st.Parked != "":
		t.say("\nParked: %s. There is no summary, and nobody is told that it is done.", st.Parked)
	}
	return st, err
}

// statusOf is the one word for an erasure that did not come to an end.
func statusOf(st events.Status) string {
	if st.Parked != "" {
		return "parked"
	}
	return "timed_out"
}

func (t *theatre) showFinal(text []byte) (string, int, error) {
	var pretty bytes.Buffer
	var summary struct {
		State        string            `json:"state"`
		Participants []json.RawMessage `json:"participants"`
	}
	if err := errors.Join(json.Indent(&pretty, text, "", "  "), json.Unmarshal(text, &summary)); err != nil {
		return "", 0, fmt.Errorf("summary: %w", err)
	}
	t.say("\nThe summary, as it was published on %s:\n%s", events.SubjectSummary(demo.Source), pretty.String())
	return summary.State, len(summary.Participants), nil
}

// sortedPairs yields a map in the order of its keys.
func sortedPairs(m map[string]int) iter.Seq2[string, int] {
	return func(yield func(string, int) bool) {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			if !yield(key, m[key]) {
				return
			}
		}
	}
}
