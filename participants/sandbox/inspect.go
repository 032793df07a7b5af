package sandbox

import (
	"encoding/json"
	"net/http"
)

// inspectable is what the inspection endpoints need of a look-alike.
type inspectable interface {
	Ledger() []Deletion
	SetFaults(...Fault)
}

func inspection(s inspectable) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sandbox/ledger", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, s.Ledger())
	})
	mux.HandleFunc("DELETE /sandbox/faults", func(w http.ResponseWriter, _ *http.Request) {
		s.SetFaults()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("PUT /sandbox/faults", func(w http.ResponseWriter, r *http.Request) {
		putFaults(w, r, s)
	})
	return mux
}

func putFaults(w http.ResponseWriter, r *http.Request, s inspectable) {
	var list []Fault
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&list); err != nil {
		http.Error(w, "want a list of faults", http.StatusBadRequest)
		return
	}
	s.SetFaults(list...)
	w.WriteHeader(http.StatusNoContent)
}

// answer writes v as JSON. What it writes are our own types: encoding cannot go wrong.
func answer(w http.ResponseWriter, status int, v any) {
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a client that is gone needs no answer
}
