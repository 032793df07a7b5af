package events

import (
	"encoding/base64"
	"fmt"
	"reflect"
)

// Message is an encoded message: what a NATS client publishes, less the subject.
type Message struct {
	Header Header
	Data   []byte
}

// TypeOf returns the ce-type of a payload, for example io.expunge.erasure.requested.v1.
func TypeOf(p Payload) string { return p.ceType() }

// Encode writes a payload and its envelope as CloudEvents 1.0 in binary mode. The same
// arguments always give the same bytes. env.ID and env.Source are required, env.Type is
// set here. What [Decode] would refuse is refused with the same errors.
func Encode(env Envelope, p Payload) (Message, error) {
	f := &faults{}
	at := &place{faults: f}
	if !plain(p) {
		at.fault("the payload must be a plain value of this package")
		return Message{}, f.err()
	}
	env.Type = p.ceType()
	env.check(at)
	p.check(at)
	if err := f.err(); err != nil {
		return Message{}, fmt.Errorf("encode %s: %w", env.Type, err)
	}
	m := Message{Header: env.header(), Data: appendPayload(p)}
	if len(m.Data) > MaxData {
		at.fault("longer than the limit of a message")
	}
	return m, f.err()
}

// Decode reads a message of type P: CloudEvents in binary or structured mode, or plain
// JSON without any ce-* header, whose envelope then holds nothing but the type.
//
// A message of another type is [ErrUnknownType]. Everything else that is wrong is
// [ErrMalformed], all faults joined, each a *[FieldError]; P is then zero, and the
// envelope holds what could be read of it. No error holds a value of the message.
func Decode[P Payload](h Header, data []byte) (Envelope, P, error) {
	var p, zero P
	if !plain(zero) {
		return Envelope{}, zero, &FieldError{Problem: "the payload must be a plain value of this package"}
	}
	env, tree, err := open(h, data)
	switch {
	case err != nil:
		return env, zero, err
	case env.Type == "":
		env.Type = p.ceType()
	case env.Type != p.ceType():
		return env, zero, fmt.Errorf("%w: want %s", ErrUnknownType, p.ceType())
	}
	if err := read(reflect.ValueOf(&p).Elem(), tree); err != nil {
		return env, zero, err
	}
	return env, p, nil
}

// DecodeAny is [Decode] for a message of any type, which its ce-type names. Plain JSON
// names none and is malformed here.
func DecodeAny(h Header, data []byte) (Envelope, Payload, error) {
	env, tree, err := open(h, data)
	switch {
	case err != nil:
		return env, nil, err
	case env.Type == "":
		return env, nil, &FieldError{Field: headerPrefix + attrType, Problem: "is missing"}
	}
	t := typeNamed(env.Type)
	if t == nil {
		return env, nil, ErrUnknownType
	}
	v := reflect.New(t).Elem()
	if err := read(v, tree); err != nil {
		return env, nil, err
	}
	return env, v.Interface().(Payload), nil
}

// plain keeps pointers out, whose methods would panic on nil, and no payload at all.
func plain(p Payload) bool { return reflect.ValueOf(p).Kind() == reflect.Struct }

func typeNamed(ceType string) reflect.Type {
	for _, p := range Payloads() {
		if p.ceType() == ceType {
			return reflect.TypeOf(p)
		}
	}
	return nil
}

// open reads the envelope, and the data as a tree that nothing is known of yet.
func open(h Header, data []byte) (Envelope, any, error) {
	f := &faults{}
	at := &place{faults: f}
	a, contentType := readHeader(at, h)
	switch {
	case len(f.list) > 0:
		return Envelope{}, nil, f.err()
	case isStructured(contentType):
		return openStructured(data)
	case contentType != "" && !isJSON(contentType):
		at.field(headerContentType).fault("must be application/json or application/cloudevents+json")
		return Envelope{}, nil, f.err()
	case len(a) > 0:
		return openBinary(at, a, data)
	}
	return openPlain(contentType, data)
}

func openBinary(at *place, a attrs, data []byte) (Envelope, any, error) {
	env := a.envelope(at)
	if err := at.faults.err(); err != nil {
		return env, nil, err
	}
	tree, err := parse(data)
	return env, tree, err
}

// openPlain reads data without an envelope. Producers of the CloudEvents binding from
// before NATS had headers send the structured form without a content type: specversion
// tells it, which is a field of none of our messages.
func openPlain(contentType string, data []byte) (Envelope, any, error) {
	tree, err := parse(data)
	if o, ok := tree.(object); ok && contentType == "" {
		if _, ok := o.get(attrSpecVersion); ok {
			return readStructured(o)
		}
	}
	return Envelope{}, tree, err
}

func openStructured(data []byte) (Envelope, any, error) {
	tree, err := parse(data)
	if err != nil {
		return Envelope{}, nil, err
	}
	o, ok := tree.(object)
	if !ok {
		return Envelope{}, nil, &FieldError{Problem: "must be an object"}
	}
	return readStructured(o)
}

func readStructured(o object) (Envelope, any, error) {
	f := &faults{}
	at := &place{faults: f}
	a := attrs{}
	for _, name := range attributes {
		if v, ok := o.get(name); ok && v != nil {
			a[name] = attributeText(at.field(headerPrefix+name), v)
		}
	}
	env := a.envelope(at)
	data, inline := o.get("data")
	encoded, binary := o.get("data_base64")
	switch {
	case inline == binary:
		at.fault("must have data or data_base64, not both")
	case binary:
		data = decodeBase64(at, encoded)
	}
	return env, data, f.err()
}

func attributeText(at *place, v any) string {
	switch v := v.(type) {
	case string:
		return v
	case fmt.Stringer: // a number
		return v.String()
	}
	at.fault("must be a string")
	return ""
}

func decodeBase64(at *place, v any) any {
	s, _ := v.(string)
	raw, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		at.field("data_base64").fault("must be base64")
		return nil
	}
	tree, err := parse(raw)
	if err != nil {
		at.field("data_base64").fault("must hold one JSON document")
	}
	return tree
}

// read sets v, a payload, from the tree and checks it.
func read(v reflect.Value, tree any) error {
	f := &faults{}
	at := &place{faults: f}
	if tree == nil {
		at.fault("must be an object")
		return f.err()
	}
	r := reader{unknown: ignored}
	switch v.Interface().(type) {
	case Request, Cancel, Operation:
		r.unknown = refused
	}
	r.set(at, v, tree)
	v.Interface().(Payload).check(at)
	return f.err()
}
