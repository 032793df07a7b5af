package events

import "slices"

var (
	allOperations = []OperationVerb{
		OpRetry, OpWaive, OpCancel, OpResume, OpExtend, OpBind, OpHold, OpRelease, OpReleaseBrake,
		OpConfirmClock, OpConfirmRestore, OpExplain, OpHolds,
	}
	allResults = []CancelResult{CancelledSaga, WithdrawnRequest}
)

// operationRule says which fields an operation needs, and which it may have besides.
type operationRule struct{ needs, may []string }

var operationRules = map[OperationVerb]operationRule{
	OpRetry:          {[]string{"saga", "ground", "by"}, []string{"participant", "step"}},
	OpWaive:          {[]string{"saga", "participant", "ground", "by"}, []string{"step"}},
	OpCancel:         {[]string{"saga", "ground", "by"}, []string{"request"}},
	OpResume:         {[]string{"saga", "ground", "by"}, nil},
	OpExtend:         {[]string{"saga", "until", "ground", "by"}, nil},
	OpBind:           {[]string{"saga", "user_id", "ground", "by"}, nil},
	OpHold:           {[]string{"realm", "ground", "by"}, []string{"user_id", "identifiers", "participant", "until"}},
	OpRelease:        {[]string{"hold", "ground", "by"}, nil},
	OpReleaseBrake:   {[]string{"ground", "by"}, []string{"source", "saga", "participant"}},
	OpConfirmClock:   {[]string{"ground", "by"}, nil},
	OpConfirmRestore: {[]string{"ground", "by"}, nil},
	OpExplain:        {nil, []string{"saga", "participant", "ground", "by"}},
	OpHolds:          {nil, []string{"ground", "by"}},
}

func (o Operation) check(at *place) {
	oneOf(at.field("verb"), o.Verb, allOperations)
	o.checkFields(at)
	idSet.check(at.field("saga"), o.Saga, optional)
	nameSet.check(at.field("participant"), o.Participant, optional)
	if o.Step != "" {
		oneOf(at.field("step"), o.Step, allVerbs)
	}
	idSet.check(at.field("request"), o.Request, optional)
	idSet.check(at.field("hold"), o.Hold, optional)
	labelSet.check(at.field("realm"), o.Realm, optional)
	private(at.field("user_id"), o.UserID, maxValue, optional)
	exact(at.field("user_id"), o.UserID)
	checkAttributes(at.field("identifiers"), o.Identifiers)
	text(at.field("ground"), o.Ground, optional)
	text(at.field("by"), o.By, optional)
	optionalInstant(at.field("until"), o.Until)
	nameSet.check(at.field("source"), o.Source, optional)
}

func (o Operation) checkFields(at *place) {
	rule, known := operationRules[o.Verb]
	if !known {
		return // said already
	}
	for _, f := range o.present() {
		switch {
		case !f.there && slices.Contains(rule.needs, f.name):
			at.field(f.name).fault("is missing, and needed for " + string(o.Verb))
		case f.there && !slices.Contains(rule.needs, f.name) && !slices.Contains(rule.may, f.name):
			at.field(f.name).fault("does not go with " + string(o.Verb))
		}
	}
	if o.Verb == OpHold && o.UserID == "" && len(o.Identifiers) == 0 {
		at.fault("a hold needs user_id or identifiers")
	}
}

// present says whether a field is there.
type present struct {
	name  string
	there bool
}

func (o Operation) present() []present {
	return []present{
		{"saga", o.Saga != ""}, {"participant", o.Participant != ""}, {"step", o.Step != ""},
		{"request", o.Request != ""}, {"hold", o.Hold != ""}, {"realm", o.Realm != ""},
		{"user_id", o.UserID != ""}, {"identifiers", o.Identifiers != nil}, {"ground", o.Ground != ""},
		{"by", o.By != ""}, {"until", o.Until != nil}, {"source", o.Source != ""},
	}
}

// checkAttributes takes identifiers that are attributes, and no empty list of them.
func checkAttributes(at *place, ids []Identifier) {
	if ids != nil && len(ids) == 0 {
		at.fault("must not be empty; leave it out")
	}
	limited(at, ids)
	checkIdentifiers(at, ids)
	for i, id := range ids {
		if id.Type == UserID {
			at.elem(i).field("type").fault("must not be user_id; use the field user_id")
		}
	}
}

func (o Operated) check(at *place) {
	idSet.check(at.field("saga"), o.Saga, optional)
	idSet.check(at.field("hold"), o.Hold, optional)
	if o.State != "" {
		oneOf(at.field("state"), o.State, allStates)
	}
	text(at.field("explain"), o.Explain, optional)
	checkAlive(at.field("alive"), o.Alive)
	limited(at.field("sagas"), o.Sagas)
	for i, id := range o.Sagas {
		idSet.check(at.field("sagas").elem(i), id, required)
	}
	limited(at.field("holds"), o.Holds)
	for i, h := range o.Holds {
		h.check(at.field("holds").elem(i))
	}
}

func (h LegalHold) check(at *place) {
	idSet.check(at.field("hold"), h.Hold, required)
	nameSet.check(at.field("participant"), h.Participant, optional)
	text(at.field("ground"), h.Ground, required)
	text(at.field("by"), h.By, required)
	instant(at.field("at"), h.At)
	optionalInstant(at.field("until"), h.Until)
}

func (c Cancellation) check(at *place) {
	idSet.check(at.field("saga"), c.Saga, required)
	idSet.check(at.field("request"), c.Request, required)
	oneOf(at.field("result"), c.Result, allResults)
	oneOf(at.field("state"), c.State, allStates)
	checkAlive(at.field("alive"), c.Alive)
	limited(at.field("not_restored"), c.NotRestored)
	for i, name := range c.NotRestored {
		nameSet.check(at.field("not_restored").elem(i), name, required)
	}
}
