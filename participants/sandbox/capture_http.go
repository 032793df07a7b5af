package sandbox

import (
	"crypto/subtle"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// The operations.
const (
	captureEntity = "entity"
	captureDelete = "entity.delete"
)

// captureProblem is an error of the vendor; HTTP status 200 goes with it.
type captureProblem struct {
	code     int
	name     string
	argument string
}

var (
	errCaptureRecord     = &captureProblem{310, "record_not_found", ""}
	errCaptureClient     = &captureProblem{402, "invalid_client_credentials", ""}
	errCapturePermission = &captureProblem{403, "client_permission_error", ""}
	errCaptureToken      = &captureProblem{413, "invalid_access_token", ""}
	errCaptureExpired    = &captureProblem{414, "access_token_expired", ""}
	errCaptureInternal   = &captureProblem{500, "unexpected_error", ""}
)

func missingArgument(name string) *captureProblem {
	return &captureProblem{100, "missing_argument", name}
}

func invalidArgument(name string) *captureProblem {
	return &captureProblem{200, "invalid_argument", name}
}

// ServeHTTP speaks the vendor's API.
func (s *Capture) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/sandbox/") {
		s.inspect.ServeHTTP(w, r)
		return
	}
	operation := strings.TrimPrefix(r.URL.Path, "/")
	if operation != captureEntity && operation != captureDelete || r.Method != http.MethodPost {
		http.Error(w, "no such operation", http.StatusNotFound)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 1<<16)
	if err := r.ParseForm(); err != nil { // read to the end, so that a client that goes is noticed
		http.Error(w, "the form cannot be read", http.StatusBadRequest)
		return
	}
	fault := s.faults.take(operation)
	if !fault.wait(r) {
		return
	}
	if fault.Status != 0 {
		refuse(w, fault)
		return
	}
	if fault.Code != 0 {
		captureError(w, &captureProblem{fault.Code, "refused_by_a_fault_switch", ""})
		return
	}
	if fault.Reset && operation == captureEntity {
		cut() // there is no effect that could come first
	}
	s.serve(w, r, operation, fault)
}

func (s *Capture) serve(w http.ResponseWriter, r *http.Request, operation string, fault Fault) {
	result, fail := s.do(r, operation, fault)
	if fault.Reset {
		cut()
	}
	switch {
	case fail != nil:
		captureError(w, fail)
	case operation == captureDelete:
		captureOK(w, map[string]any{"stat": "ok"})
	default:
		captureOK(w, map[string]any{"stat": "ok", "result": result})
	}
}

func (s *Capture) do(r *http.Request, operation string, fault Fault) (result any, fail *captureProblem) {
	s.mu.Lock()
	defer s.mu.Unlock()
	form := r.PostForm
	c, fail := s.admit(r, operation)
	if fail != nil {
		return nil, fail
	}
	switch typ := form.Get("type_name"); {
	case typ == "":
		return nil, missingArgument("type_name")
	case !s.hasType(typ):
		return nil, &captureProblem{222, "unknown_entity_type", "type_name"}
	}
	profile, fail := s.wanted(form, c)
	if operation == captureDelete {
		return nil, s.remove(profile, fail, fault)
	}
	if fail != nil {
		return nil, fail
	}
	return profile.attribute(form.Get("attribute_name"))
}

// attribute is the value of one attribute, or all of them for no name.
func (c CaptureProfile) attribute(name string) (any, *captureProblem) {
	all := map[string]string{"uuid": c.UUID}
	maps.Copy(all, c.Attributes)
	value, known := all[name]
	switch {
	case name == "":
		return all, nil
	case !known:
		return nil, &captureProblem{223, "unknown_attribute", "attribute_name"}
	}
	return value, nil
}

// admit returns the client that asks; the holder of a token is one without a name.
func (s *Capture) admit(r *http.Request, operation string) (c CaptureClient, fail *captureProblem) {
	if r.PostForm.Has("access_token") && operation == captureEntity {
		return c, nil
	}
	id, secret, basic := r.BasicAuth()
	if !basic {
		id, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	if id == "" {
		return c, missingArgument("client_id")
	}
	for _, c := range s.config.Clients {
		same := subtle.ConstantTimeCompare([]byte(id), []byte(c.ID)) & subtle.ConstantTimeCompare([]byte(secret), []byte(c.Secret))
		if same == 1 {
			return c, c.mayNot(operation)
		}
	}
	return c, errCaptureClient
}

func (c CaptureClient) mayNot(operation string) *captureProblem {
	may := []string{"owner", "direct_access"}
	if operation == captureEntity {
		may = append(may, "direct_read_access")
	}
	if !slices.Contains(may, c.Feature) {
		return errCapturePermission
	}
	return nil
}

var captureUUID = regexp.MustCompile(`^(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// wanted returns the profile that a form names. One that is named and not there has its
// uuid nevertheless, for the ledger.
func (s *Capture) wanted(form url.Values, c CaptureClient) (CaptureProfile, *captureProblem) {
	typ, uuid, attribute := form.Get("type_name"), form.Get("uuid"), form.Get("key_attribute")
	if form.Has("uuid") && form.Has("key_attribute") {
		return CaptureProfile{}, &captureProblem{201, "duplicate_argument", "uuid"}
	}
	switch {
	case form.Has("access_token") && c.App == "":
		return s.ofToken(typ, form.Get("access_token"))
	case attribute != "":
		return s.ofKey(c.App, typ, attribute, form.Get("key_value"))
	case uuid == "":
		return CaptureProfile{}, missingArgument("uuid")
	case !captureUUID.MatchString(uuid):
		return CaptureProfile{}, invalidArgument("uuid")
	}
	unknown := CaptureProfile{App: c.App, Type: typ, UUID: strings.ToLower(uuid)}
	if found, ok := s.stored[unknown.item()]; ok {
		return found, nil
	}
	return unknown, errCaptureRecord
}

func (s *Capture) ofToken(typ, token string) (CaptureProfile, *captureProblem) {
	found, ok := s.find(func(c CaptureProfile) bool { return token != "" && c.Token == token && c.Type == typ })
	switch {
	case !ok:
		return found, errCaptureToken
	case found.Expired:
		return found, errCaptureExpired
	}
	return found, nil
}

// ofKey takes letters of either case for the same, as a schema may say.
func (s *Capture) ofKey(app, typ, attribute, quoted string) (CaptureProfile, *captureProblem) {
	var value string
	if err := json.Unmarshal([]byte(quoted), &value); err != nil {
		return CaptureProfile{}, invalidArgument("key_value")
	}
	inUse := func(c CaptureProfile) bool { _, has := c.Attributes[attribute]; return has }
	if _, ok := s.find(inUse); !ok {
		return CaptureProfile{}, &captureProblem{223, "unknown_attribute", "key_attribute"}
	}
	found, ok := s.find(func(c CaptureProfile) bool {
		return c.App == app && c.Type == typ && inUse(c) && strings.EqualFold(c.Attributes[attribute], value)
	})
	if !ok {
		return CaptureProfile{App: app, Type: typ}, errCaptureRecord
	}
	return found, nil
}

// remove records the deletion, with its effect, before it is answered.
func (s *Capture) remove(c CaptureProfile, fail *captureProblem, fault Fault) *captureProblem {
	if c.UUID == "" {
		return fail
	}
	rec := captureRecord{
		Delete: &CaptureProfile{App: c.App, Type: c.Type, UUID: c.UUID},
		Effect: fail == nil && !fault.Lie, Instant: s.config.Now().UTC(),
	}
	if err := s.journal.commit(rec); err != nil {
		return errCaptureInternal
	}
	if fault.Lie {
		return nil
	}
	return fail
}

func captureOK(w http.ResponseWriter, body map[string]any) {
	w.Header().Set("Cache-Control", "no-store")
	answer(w, http.StatusOK, body)
}

func captureError(w http.ResponseWriter, p *captureProblem) {
	body := map[string]any{"stat": "error", "code": p.code, "error": p.name, "error_description": p.name, "request_id": "0123456789abcdef"}
	if p.argument != "" {
		body["argument_name"] = p.argument
	}
	captureOK(w, body)
}
