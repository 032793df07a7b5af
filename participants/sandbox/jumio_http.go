package sandbox

import (
	"crypto/subtle"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// JumioAPI returns the base URL of a region for scans and authentications, given the URL
// at which the look-alike is served.
func JumioAPI(root, region string) string { return root + "/" + region }

// JumioRetrieval returns the base URL of a region for documents.
func JumioRetrieval(root, region string) string { return root + "/" + region + "/retrieval" }

// userAgent is the form that the vendor asks for: Company App/v1.0.
var userAgent = regexp.MustCompile(`^\S.* \S+/v?[0-9][0-9A-Za-z.+-]*$`)

var jumioRegions = []string{"us", "eu", "sgp"}

const maxReference = 36 // characters, says the vendor

// ServeHTTP speaks the vendor's API.
func (j *Jumio) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/sandbox/") {
		j.inspect.ServeHTTP(w, r)
		return
	}
	fault := j.faults.take(r.Method)
	if !fault.wait(r) {
		return
	}
	if fault.Status != 0 {
		refuse(w, fault)
		return
	}
	if fault.Reset && r.Method != http.MethodDelete {
		cut() // there is no effect that could come first
	}
	status, problem := j.admit(r)
	if status != 0 {
		jumioError(w, status, problem)
		return
	}
	j.route(w, r, fault)
}

func refuse(w http.ResponseWriter, f Fault) {
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", seconds(f.RetryAfter))
	}
	jumioError(w, f.Status, "refused by a fault switch")
}

// admit checks credentials and headers. Status 0 means that the request may pass.
func (j *Jumio) admit(r *http.Request) (status int, problem string) {
	if _, ok := j.tenant(r); !ok {
		return http.StatusUnauthorized, "credentials are missing or wrong"
	}
	if !userAgent.MatchString(r.UserAgent()) {
		return http.StatusBadRequest, "User-Agent must name company and application"
	}
	if r.Header.Get("Accept") != "application/json" {
		return http.StatusNotAcceptable, "Accept must be application/json"
	}
	return 0, ""
}

func (j *Jumio) tenant(r *http.Request) (string, bool) {
	user, password, ok := r.BasicAuth()
	if !ok {
		return "", false
	}
	for _, a := range j.config.Accounts {
		same := subtle.ConstantTimeCompare([]byte(user), []byte(a.Token)) &
			subtle.ConstantTimeCompare([]byte(password), []byte(a.Secret))
		if same == 1 {
			return a.Tenant, true
		}
	}
	return "", false
}

func (j *Jumio) route(w http.ResponseWriter, r *http.Request, fault Fault) {
	t, ok := target(r.URL.Path)
	if !ok {
		jumioError(w, http.StatusNotFound, "no such resource")
		return
	}
	if len(t.Reference) > maxReference {
		jumioError(w, http.StatusBadRequest, "transactionReference is longer than 36 characters")
		return
	}
	t.Tenant, _ = j.tenant(r)
	switch r.Method {
	case http.MethodDelete:
		j.remove(w, t, fault)
	case http.MethodGet:
		j.retrieve(w, t)
	default:
		w.Header().Set("Allow", "GET, DELETE")
		jumioError(w, http.StatusMethodNotAllowed, "method is not allowed")
	}
}

// target reads /{region}/api/netverify/v2/{kind}/{reference}, with or without a trailing
// slash; documents are below /{region}/retrieval, as they are on a host of their own.
func target(path string) (t JumioTransaction, ok bool) {
	region, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if !slices.Contains(jumioRegions, region) {
		return t, false
	}
	rest, retrieval := strings.CutPrefix(rest, "retrieval/")
	rest, ok = strings.CutPrefix(rest, "api/netverify/v2/")
	kind, reference, _ := strings.Cut(strings.TrimSuffix(rest, "/"), "/")
	known := kind == "documents" && retrieval || (kind == "scans" || kind == "authentications") && !retrieval
	if !ok || !known || reference == "" || strings.Contains(reference, "/") {
		return t, false
	}
	return JumioTransaction{Region: region, Kind: kind, Reference: reference}, true
}

func (j *Jumio) remove(w http.ResponseWriter, t JumioTransaction, fault Fault) {
	status := j.attempt(t, fault.Lie)
	if fault.Reset {
		cut()
	}
	switch status {
	case http.StatusOK:
		w.WriteHeader(http.StatusOK)
	case http.StatusNotFound:
		jumioError(w, status, "transaction is not available or has been deleted")
	case http.StatusInternalServerError:
		jumioError(w, status, "internal error")
	default:
		jumioError(w, status, "transaction is pending")
	}
}

// attempt records the deletion, with its effect, before it is answered.
func (j *Jumio) attempt(t JumioTransaction, lie bool) (status int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	stored, exists := j.stored[t.item()]
	effect := exists && !stored.Pending && !lie
	rec := jumioRecord{Delete: &t, Effect: effect, Instant: j.config.Now().UTC()}
	if err := j.journal.commit(rec); err != nil {
		return http.StatusInternalServerError
	}
	switch {
	case effect, lie:
		return http.StatusOK
	case exists:
		return j.config.PendingStatus
	default:
		return http.StatusNotFound
	}
}

func (j *Jumio) retrieve(w http.ResponseWriter, t JumioTransaction) {
	j.mu.Lock()
	stored, exists := j.stored[t.item()]
	j.mu.Unlock()
	if !exists {
		jumioError(w, http.StatusNotFound, "transaction is not available or has been deleted")
		return
	}
	answer(w, http.StatusOK, j.details(stored))
}

// details is the status of scans and documents, and the result of authentications: the
// vendor has no status for those.
func (j *Jumio) details(t JumioTransaction) map[string]string {
	stamp := j.config.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	if t.Kind == "authentications" {
		result := "PASSED"
		if t.Pending {
			result = "STARTED"
		}
		return map[string]string{"transactionReference": t.Reference, "transactionResult": result, "transactionDate": stamp, "scanSource": "SDK"}
	}
	status := "DONE"
	if t.Pending {
		status = "PENDING"
	}
	return map[string]string{"timestamp": stamp, "scanReference": t.Reference, "status": status}
}

func jumioError(w http.ResponseWriter, status int, problem string) {
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="sandbox"`)
	}
	answer(w, status, map[string]string{"message": problem})
}
