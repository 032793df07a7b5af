package sandbox

import (
	"encoding/json"
	"net/http"
)

// inspectable is what the inspection endpoints need of a look-alike that keeps T.
type inspectable[T any] interface {
	Ledger() []Deletion
	SetFaults(list ...Fault)
	Put(things ...T) error
	// proper completes a thing that somebody wants to store, or says which field is wrong.
	proper(thing *T) error
	everything() []T
}

func inspection[T any](s inspectable[T]) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sandbox/ledger", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, s.Ledger())
	})
	mux.HandleFunc("DELETE /sandbox/faults", func(w http.ResponseWriter, _ *http.Request) {
		s.SetFaults()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("PUT /sandbox/faults", func(w http.ResponseWriter, r *http.Request) {
		if list, ok := read[Fault](w, r); ok {
			s.SetFaults(list...)
			w.WriteHeader(http.StatusNoContent)
		}
	})
	mux.HandleFunc("GET /sandbox/stored", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, s.everything())
	})
	mux.HandleFunc("PUT /sandbox/stored", func(w http.ResponseWriter, r *http.Request) {
		if list, ok := read[T](w, r); ok {
			store(w, s, list)
		}
	})
	return mux
}

// store adds to what is stored: all of a list, or nothing.
func store[T any](w http.ResponseWriter, s inspectable[T], list []T) {
	for i := range list {
		if err := s.proper(&list[i]); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	if err := s.Put(list...); err != nil {
		http.Error(w, "the journal cannot be written", http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// read reads a list from a request; false: it cannot be read, and that was answered.
func read[T any](w http.ResponseWriter, r *http.Request) (list []T, ok bool) {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&list); err != nil {
		http.Error(w, "want a JSON list: "+err.Error(), http.StatusBadRequest)
		return nil, false
	}
	return list, true
}

// answer writes v as JSON. What it writes are our own types: encoding cannot go wrong.
func answer(w http.ResponseWriter, status int, v any) {
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a client that is gone needs no answer
}
