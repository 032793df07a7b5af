package events_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/url"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/binding/spec"
	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/expunge-io/expunge/events"
)

// natsMessage is a NATS message in binary mode, as the CloudEvents SDK reads one.
type natsMessage struct {
	header events.Header
	data   []byte
}

var (
	natsVersions = spec.WithPrefix("ce-")
	errNotBinary = errors.New("only binary mode is offered")
)

func (natsMessage) ReadEncoding() binding.Encoding { return binding.EncodingBinary }

func (natsMessage) ReadStructured(context.Context, binding.StructuredWriter) error {
	return binding.ErrNotStructured
}

func (m natsMessage) version() spec.Version {
	return natsVersions.Version(m.header["ce-specversion"][0])
}

func (m natsMessage) GetAttribute(k spec.Kind) (spec.Attribute, any) {
	a := m.version().AttributeFromKind(k)
	if a == nil {
		return nil, nil
	}
	if v := m.header[a.PrefixedName()]; len(v) == 1 {
		return a, v[0]
	}
	return a, nil
}

func (m natsMessage) GetExtension(name string) any {
	if v := m.header["ce-"+name]; len(v) == 1 {
		return v[0]
	}
	return nil
}

func (m natsMessage) ReadBinary(_ context.Context, w binding.BinaryWriter) error {
	version := m.version()
	if version == nil {
		return errNotBinary
	}
	for name, values := range m.header {
		if err := m.setHeader(w, version, name, values[0]); err != nil {
			return err
		}
	}
	return w.SetData(io.NopCloser(bytes.NewReader(m.data)))
}

func (natsMessage) setHeader(w binding.BinaryWriter, version spec.Version, name, raw string) error {
	if name == "content-type" {
		return w.SetAttribute(version.AttributeFromKind(spec.DataContentType), raw)
	}
	value, err := url.PathUnescape(raw)
	if err != nil {
		return err
	}
	if a := version.Attribute(name); a != nil {
		return w.SetAttribute(a, value)
	}
	return w.SetExtension(strings.TrimPrefix(name, "ce-"), value)
}

func (natsMessage) Finish(error) error { return nil }

// TestTheCloudEventsSDKTakesOurEnvelopes lets an implementation that is not ours read
// every golden vector, in binary mode, and lets us read what it writes in structured mode.
func TestTheCloudEventsSDKTakesOurEnvelopes(t *testing.T) {
	for name, v := range vectors(t) {
		t.Run(name, func(t *testing.T) {
			e, err := binding.ToEvent(t.Context(), natsMessage{header: v.header(), data: []byte(v.Data)})
			if err != nil {
				t.Fatal(err)
			}
			if err := e.Validate(); err != nil {
				t.Errorf("not a CloudEvent: %v", err)
			}
			sameEnvelope(t, *e, v)
			readBack(t, *e, v)
		})
	}
}

func sameEnvelope(t *testing.T, e event.Event, v vector) {
	t.Helper()
	env, _, err := events.DecodeAny(v.header(), []byte(v.Data))
	if err != nil {
		t.Fatal(err)
	}
	if e.ID() != env.ID || e.Source() != env.Source || e.Type() != env.Type || e.Subject() != env.Subject || !e.Time().Equal(env.Time) {
		t.Errorf("the SDK reads %s\nwe read %+v", e, env)
	}
	if e.DataContentType() != "application/json" || string(e.Data()) != v.Data {
		t.Errorf("the SDK reads the data %s as %s", e.Data(), e.DataContentType())
	}
}

// readBack goes through the SDK's structured mode.
func readBack(t *testing.T, e event.Event, v vector) {
	t.Helper()
	b, err := e.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	env, p, err := events.DecodeAny(events.Header{"Content-Type": {"application/cloudevents+json"}}, b)
	if err != nil {
		t.Fatalf("we do not read the SDK's structured mode: %v\n%s", err, b)
	}
	m, err := events.Encode(env, p)
	if err != nil || string(m.Data) != v.Data {
		t.Errorf("encoded again: %s, %v", m.Data, err)
	}
	var again event.Event
	if err := again.UnmarshalJSON(structured(v)); err != nil || again.Validate() != nil {
		t.Errorf("the SDK does not read structured mode: %v, %v", err, again.Validate())
	}
}
