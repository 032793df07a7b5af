package sandbox

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// VendorsConfig is the configuration of [Vendors].
type VendorsConfig struct {
	Customer string // of every vendor: Jumio's tenant, the owner of the pool, Sila's app, Capture's app
	ID       string // the customer's credentials, the same at every vendor
	Secret   string
	Region   string // of Cognito's signatures
	Pool     string // Cognito's user pool
	Type     string // Capture's entity type
	Folder   string // of the journals; empty: state is lost with the process
	Now      func() time.Time
}

// Vendors are all look-alikes behind one address, with one customer. Which of them is asked shows
// by the request: Jumio's paths begin with a region, Sila's with /0.2/, Capture's with /entity,
// and Cognito is asked at /. Each one's inspection endpoints stand below /sandbox/ and its name.
type Vendors struct {
	Jumio   *Jumio
	Cognito *Cognito
	Sila    *Sila
	Capture *Capture
}

// OpenVendors returns the look-alikes with what their journals hold.
func OpenVendors(c VendorsConfig) (v *Vendors, err error) {
	v = &Vendors{}
	defer func() {
		if err != nil {
			err = errors.Join(err, v.Close())
		}
	}()
	if v.Jumio, err = OpenJumio(JumioConfig{
		Accounts: []JumioAccount{{Tenant: c.Customer, Token: c.ID, Secret: c.Secret}}, Journal: c.journal("jumio"), Now: c.Now,
	}); err != nil {
		return v, fmt.Errorf("jumio look-alike: %w", err)
	}
	if v.Cognito, err = OpenCognito(CognitoConfig{
		Region: c.Region, Keys: []AccessKey{{Account: c.Customer, ID: c.ID, Secret: c.Secret}},
		Pools:   []UserPool{{Account: c.Customer, ID: c.Pool, Aliases: []string{"email"}}},
		Journal: c.journal("cognito"), Now: c.Now,
	}); err != nil {
		return v, fmt.Errorf("cognito look-alike: %w", err)
	}
	if v.Sila, err = OpenSila(SilaConfig{
		Apps: []SilaApp{{Handle: c.Customer, ClientID: c.ID, ClientSecret: c.Secret}}, Journal: c.journal("sila"), Now: c.Now,
	}); err != nil {
		return v, fmt.Errorf("sila look-alike: %w", err)
	}
	if v.Capture, err = OpenCapture(CaptureConfig{
		Clients: []CaptureClient{{App: c.Customer, ID: c.ID, Secret: c.Secret, Feature: "direct_access"}}, Types: []string{c.Type},
		Journal: c.journal("capture"), Now: c.Now,
	}); err != nil {
		return v, fmt.Errorf("capture look-alike: %w", err)
	}
	return v, nil
}

func (c VendorsConfig) journal(vendor string) string {
	if c.Folder == "" {
		return ""
	}
	return filepath.Join(c.Folder, vendor+".journal")
}

// Close releases the journals.
func (v *Vendors) Close() error {
	var errs []error
	if v.Jumio != nil {
		errs = append(errs, v.Jumio.Close())
	}
	if v.Cognito != nil {
		errs = append(errs, v.Cognito.Close())
	}
	if v.Sila != nil {
		errs = append(errs, v.Sila.Close())
	}
	if v.Capture != nil {
		errs = append(errs, v.Capture.Close())
	}
	return errors.Join(errs...)
}

// ServeHTTP hands a request to the vendor whom it is for.
func (v *Vendors) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if of, path, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, "/sandbox/"), "/"); ok && strings.HasPrefix(r.URL.Path, "/sandbox/") {
		v.inspect(w, r, of, path)
		return
	}
	head, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch {
	case slices.Contains(jumioRegions, head):
		v.Jumio.ServeHTTP(w, r)
	case head == "0.2":
		v.Sila.ServeHTTP(w, r)
	case head == captureEntity || head == captureDelete:
		v.Capture.ServeHTTP(w, r)
	case head == "" && r.Method == http.MethodPost:
		v.Cognito.ServeHTTP(w, r)
	default:
		http.Error(w, "no vendor has this path: Jumio has /us/, /eu/ and /sgp/, Sila /0.2/, Capture /entity and /entity.delete, Cognito POST /; "+
			"look into one at /sandbox/{jumio,cognito,sila,capture}/{stored,ledger,faults}", http.StatusNotFound)
	}
}

func (v *Vendors) inspect(w http.ResponseWriter, r *http.Request, of, path string) {
	mux := map[string]*http.ServeMux{
		"jumio": v.Jumio.inspect, "cognito": v.Cognito.inspect, "sila": v.Sila.inspect, "capture": v.Capture.inspect,
	}[of]
	r = r.Clone(r.Context())
	r.URL.Path, r.URL.RawPath = "/sandbox/"+path, ""
	cmp.Or(mux, http.NewServeMux()).ServeHTTP(w, r)
}
