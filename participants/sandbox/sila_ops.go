package sandbox

import (
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// silaKinds are the kinds by their place in a path.
var silaKinds = map[string]string{"email": "emails", "phone": "phones", "address": "addresses", "identity": "identities"}

// remove deletes one item. It says 200 of an item that is not there, but for an address,
// of which the vendor does not promise that.
func (s *Sila) remove(w http.ResponseWriter, e SilaEntity, path string, req silaRequest, fault Fault) {
	kind, known := silaKinds[path]
	if !known {
		silaError(w, http.StatusNotFound, "no such resource")
		return
	}
	if uuid.Validate(req.UUID) != nil {
		silaInvalid(w, "uuid", "is required, and must be a UUID")
		return
	}
	t := silaTarget{e.App, e.Handle, kind, strings.ToLower(req.UUID)}
	status, problem := s.attempt(t, req.Header.Reference, fault.Lie)
	if fault.Reset {
		cut()
	}
	if status != http.StatusOK {
		silaError(w, status, problem)
		return
	}
	answer(w, http.StatusOK, map[string]any{
		"success": true, "status": "SUCCESS", "reference": req.Header.Reference,
		"message": "Successfully deleted " + path + " with UUID " + req.UUID + ".",
	})
}

// attempt records the deletion, with its effect, before it is answered.
func (s *Sila) attempt(t silaTarget, reference string, lie bool) (status int, problem string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if reference != "" && s.references[reference] {
		return http.StatusBadRequest, "reference was used before"
	}
	e := s.entities[plainHandle(t.Handle)]
	exists := slices.ContainsFunc(e.Data, func(d SilaItem) bool { return d.Kind == t.Kind && d.UUID == t.UUID })
	kept := exists && t.Kind == "identities" && (e.Verification == "passed" || e.Verification == "pending")
	rec := silaRecord{Delete: &t, Effect: exists && !kept && !lie, Reference: reference, Instant: s.config.Now().UTC()}
	if err := s.journal.commit(rec); err != nil {
		return http.StatusInternalServerError, "internal error"
	}
	switch {
	case lie:
		return http.StatusOK, ""
	case kept:
		return http.StatusBadRequest, "identity cannot be deleted: verification passed or is pending"
	case !exists && t.Kind == "addresses":
		return http.StatusBadRequest, "address does not exist"
	}
	return http.StatusOK, ""
}

// silaFields are what a kind's value is called in get_entity.
var silaFields = map[string]string{"emails": "email", "phones": "phone", "addresses": "street_address_1", "identities": "identity"}

func silaDetails(e SilaEntity, reference string) map[string]any {
	out := map[string]any{"success": true, "status": "SUCCESS", "reference": reference, "user_handle": e.Handle, "entity_type": "individual"}
	for kind, field := range silaFields {
		list := []map[string]any{}
		for _, d := range e.Data {
			if d.Kind == kind {
				list = append(list, map[string]any{"uuid": d.UUID, "added_epoch": d.Added.Unix(), "modified_epoch": d.Added.Unix(), field: d.Value})
			}
		}
		out[kind] = list
	}
	return out
}

func (s *Sila) checkHandle(w http.ResponseWriter, h silaHeader) {
	_, exists := s.entity(h.UserHandle)
	status, message := "SUCCESS", h.UserHandle+" is available."
	if exists {
		status, message = "FAILURE", h.UserHandle+" is taken."
	}
	answer(w, http.StatusOK, map[string]any{"success": !exists, "status": status, "message": message, "reference": h.Reference})
}

func (e SilaEntity) verification() string {
	if e.Verification == "" {
		return "unverified"
	}
	return e.Verification
}

func answerKYC(w http.ResponseWriter, e SilaEntity, reference string) {
	passed := e.Verification == "passed"
	status := "FAILURE"
	if passed {
		status = "SUCCESS"
	}
	answer(w, http.StatusOK, map[string]any{
		"success": passed, "status": status, "reference": reference, "entity_type": "individual", "verification_status": e.verification(),
	})
}

func answerVerifications(w http.ResponseWriter, e SilaEntity, reference string) {
	list := []map[string]string{}
	if e.Verification != "" {
		list = append(list, map[string]string{"verification_uuid": uuid.NewString(), "verification_status": e.Verification})
	}
	answer(w, http.StatusOK, map[string]any{"success": true, "reference": reference, "verifications": list})
}
