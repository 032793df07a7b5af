package jumio

import (
	"errors"
	"fmt"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// The regions of the vendor.
const (
	US  = "us"
	EU  = "eu"
	SGP = "sgp"
)

// Region is where and how one data centre is reached. Empty fields take the vendor's
// hosts and the credentials of the [Config].
type Region struct {
	API       string // base URL for scans and authentications
	Retrieval string // base URL for documents
	Token     string // API token: the user id of Basic authentication
	Secret    string // API secret: its password

	// Probes are the references of transactions that are never deleted, by kind: scans,
	// authentications, documents. Retrieving one proves that 404 means absent.
	Probes map[events.Kind]string
}

var vendor = map[string]Region{
	US:  {API: "https://netverify.com", Retrieval: "https://retrieval.netverify.com"},
	EU:  {API: "https://lon.netverify.com", Retrieval: "https://retrieval.lon.netverify.com"},
	SGP: {API: "https://core-sgp.jumio.com", Retrieval: "https://retrieval.core-sgp.jumio.com"},
}

// filled returns r with the vendor's hosts and the credentials of c where it has none.
func (r Region) filled(name string, c Config) Region {
	hosts := vendor[name]
	r.API, r.Retrieval = first(r.API, hosts.API), first(r.Retrieval, hosts.Retrieval)
	r.Token, r.Secret = first(r.Token, c.Token), first(r.Secret, c.Secret)
	return r
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (r Region) validate(name string) error {
	var errs []error
	for field, base := range map[string]string{"api": r.API, "retrieval": r.Retrieval} {
		if err := participants.VendorURL(base); err != nil {
			errs = append(errs, fmt.Errorf("regions.%s.%s: %w", name, field, err))
		}
	}
	if r.Token == "" || r.Secret == "" {
		errs = append(errs, fmt.Errorf("regions.%s: token and secret are needed", name))
	}
	for kind, reference := range r.Probes {
		if _, known := shelves[kind]; !known || !referenceForm.MatchString(reference) {
			errs = append(errs, fmt.Errorf("regions.%s.probes: want a reference by scans, authentications or documents", name))
		}
	}
	return errors.Join(errs...)
}
