package sandbox

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	maxSilaBody = 1 << 16
	silaOldest  = 5 * time.Minute // a request that was made before that is refused
)

type silaHeader struct {
	Created    int64  `json:"created"`
	AppHandle  string `json:"app_handle"`
	AuthHandle string `json:"auth_handle"` // the old name of app_handle
	UserHandle string `json:"user_handle"`
	Reference  string `json:"reference"`
}

type silaRequest struct {
	Header silaHeader `json:"header"`
	UUID   string     `json:"uuid"`
}

// ServeHTTP speaks the vendor's API. The action of a [Fault] is the first part of the
// path, for example delete or get_entity.
func (s *Sila) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/sandbox/") {
		s.inspect.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxSilaBody)) // before a delay: else nobody sees that the client is gone
	if err != nil {
		silaError(w, http.StatusBadRequest, "the body is too long, or broke off")
		return
	}
	path, ours := strings.CutPrefix(r.URL.Path, "/0.2/")
	action, kind, _ := strings.Cut(path, "/")
	fault := s.faults.take(action)
	if !fault.wait(r) {
		return
	}
	switch {
	case fault.Status != 0:
		refuseSila(w, fault)
	case fault.Reset && action != "delete":
		cut() // there is no effect that could come first
	case !ours:
		silaError(w, http.StatusNotFound, "no such resource")
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", "POST")
		silaError(w, http.StatusMethodNotAllowed, "method is not allowed")
	default:
		s.serve(w, r, body, action, kind, fault)
	}
}

func (s *Sila) serve(w http.ResponseWriter, r *http.Request, body []byte, action, kind string, fault Fault) {
	var req silaRequest
	if json.Unmarshal(body, &req) != nil {
		silaError(w, http.StatusBadRequest, "the body is not JSON")
		return
	}
	if req.Header.AppHandle == "" {
		req.Header.AppHandle = req.Header.AuthHandle
	}
	if problem := s.malformed(r, req.Header); problem != "" {
		silaInvalid(w, "header", problem)
		return
	}
	if action == "auth_token" {
		s.grant(w, r, req.Header)
		return
	}
	c, status := s.identify(r, body, req.Header.AppHandle)
	if status != 0 {
		silaError(w, status, "credentials are missing or wrong")
		return
	}
	s.route(w, c, action, kind, req, fault)
}

func (s *Sila) malformed(r *http.Request, h silaHeader) string {
	age := s.config.Now().Sub(time.Unix(h.Created, 0))
	switch {
	case !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json"):
		return "Content-Type must be application/json"
	case h.AppHandle == "":
		return "app_handle is required"
	case age < 0 || age > silaOldest:
		return "created is in the future, or more than 5 minutes old"
	}
	return ""
}

func (s *Sila) route(w http.ResponseWriter, c caller, action, kind string, req silaRequest, fault Fault) {
	if req.Header.UserHandle == "" {
		silaInvalid(w, "header.user_handle", "is required")
		return
	}
	if action == "check_handle" {
		s.checkHandle(w, req.Header)
		return
	}
	e, exists := s.entity(req.Header.UserHandle)
	if !exists && c.token {
		silaError(w, http.StatusNotFound, "user_handle is not registered")
		return
	}
	if !c.mayActFor(e) {
		silaError(w, http.StatusForbidden, "usersignature is absent or incorrect, or the user is another app's")
		return
	}
	switch action {
	case "get_entity":
		answer(w, http.StatusOK, silaDetails(e, req.Header.Reference))
	case "check_kyc":
		answerKYC(w, e, req.Header.Reference)
	case "get_verifications":
		answerVerifications(w, e, req.Header.Reference)
	case "delete":
		s.remove(w, e, kind, req, fault)
	default:
		silaError(w, http.StatusNotFound, "no such resource")
	}
}

func (s *Sila) entity(handle string) (SilaEntity, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.entities[plainHandle(handle)]
	return e, ok
}

func refuseSila(w http.ResponseWriter, f Fault) {
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", seconds(f.RetryAfter))
	}
	silaError(w, f.Status, "refused by a fault switch")
}

func silaError(w http.ResponseWriter, status int, problem string) {
	answer(w, status, map[string]any{"success": false, "status": "FAILURE", "message": problem})
}

func silaInvalid(w http.ResponseWriter, field, problem string) {
	answer(w, http.StatusBadRequest, map[string]any{
		"success": false, "status": "FAILURE", "message": "Bad request.",
		"validation_details": map[string]string{field: problem},
	})
}
