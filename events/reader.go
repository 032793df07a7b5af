package events

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// unknown says what becomes of fields that the contract does not have.
type unknown int

const (
	ignored unknown = iota
	refused         // and null and "" with them: {"scope":null} must not mean everything
)

// reader sets Go values from a JSON tree, and notes each misfit at its place.
type reader struct{ unknown unknown }

var timeType = reflect.TypeFor[time.Time]()

func (r reader) set(at *place, v reflect.Value, tree any) {
	switch {
	case r.unknown == refused && (tree == nil || tree == ""):
		at.fault("must not be null or empty; leave it out")
	case tree == nil:
		return // as if it were left out
	case v.Type() == timeType:
		setTime(at, v, tree)
	default:
		r.setKind(at, v, tree)
	}
}

func (r reader) setKind(at *place, v reflect.Value, tree any) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		r.set(at, v.Elem(), tree)
	case reflect.Struct:
		r.setStruct(at, v, tree)
	case reflect.Slice:
		r.setSlice(at, v, tree)
	case reflect.Map:
		r.setMap(at, v, tree)
	default:
		setScalar(at, v, tree)
	}
}

func (r reader) setStruct(at *place, v reflect.Value, tree any) {
	o, ok := tree.(object)
	if !ok {
		at.fault("must be an object")
		return
	}
	known := 0
	for i := range v.NumField() {
		tag := tagOf(v.Type().Field(i))
		if value, ok := o.get(tag.name); ok {
			known++
			r.set(at.field(tag.name), v.Field(i), value)
		}
	}
	if known < len(o) && r.unknown == refused {
		at.fault("has an unknown field; the fields are " + strings.Join(fieldNames(v.Type()), ", "))
	}
}

func (r reader) setSlice(at *place, v reflect.Value, tree any) {
	a, ok := tree.([]any)
	if !ok {
		at.fault("must be an array")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(a), len(a)))
	for i, e := range a {
		if e == nil {
			at.elem(i).fault("must not be null")
			continue
		}
		r.set(at.elem(i), v.Index(i), e)
	}
}

// setMap reads counts, the only map of the contract. A key is input: it is not part of
// the place.
func (r reader) setMap(at *place, v reflect.Value, tree any) {
	o, ok := tree.(object)
	if !ok {
		at.fault("must be an object")
		return
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), len(o)))
	for i, m := range o {
		e := reflect.New(v.Type().Elem()).Elem()
		if m.value == nil {
			at.elem(i).fault("must not be null")
			continue
		}
		r.set(at.elem(i), e, m.value)
		v.SetMapIndex(reflect.ValueOf(m.name).Convert(v.Type().Key()), e)
	}
}

func setTime(at *place, v reflect.Value, tree any) {
	var t time.Time
	s, ok := tree.(string)
	if !ok || t.UnmarshalText([]byte(s)) != nil {
		at.fault("must be a time as in 2026-01-31T12:00:00Z")
		return
	}
	if t = t.UTC(); !writableTime(t) {
		at.fault("must be a time of the years 1 to 9999")
		return
	}
	v.Set(reflect.ValueOf(t))
}

func setScalar(at *place, v reflect.Value, tree any) {
	switch v.Kind() {
	case reflect.String:
		s, ok := tree.(string)
		if !ok {
			at.fault("must be a string")
			return
		}
		v.SetString(s)
	case reflect.Bool:
		b, ok := tree.(bool)
		if !ok {
			at.fault("must be true or false")
			return
		}
		v.SetBool(b)
	default:
		setInteger(at, v, tree)
	}
}

func setInteger(at *place, v reflect.Value, tree any) {
	n, _ := tree.(json.Number)
	if v.CanUint() {
		u, err := strconv.ParseUint(n.String(), 10, 64)
		if err != nil {
			at.fault("must be an integer, 0 or more, without fraction or exponent")
			return
		}
		v.SetUint(u)
		return
	}
	i, err := strconv.ParseInt(n.String(), 10, 64)
	if err != nil || v.OverflowInt(i) {
		at.fault("must be an integer without fraction or exponent")
		return
	}
	v.SetInt(i)
}

// fieldTag is how a struct field is written.
type fieldTag struct {
	name      string
	omitEmpty bool
}

func tagOf(f reflect.StructField) fieldTag {
	name, option, _ := strings.Cut(f.Tag.Get("json"), ",")
	return fieldTag{name: name, omitEmpty: option == "omitempty"}
}

func fieldNames(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		names = append(names, tagOf(t.Field(i)).name)
	}
	return names
}
