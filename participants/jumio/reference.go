package jumio

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// The identifier types that this participant needs.
const (
	Scan           events.IdentifierType = "jumio_scan"
	Authentication events.IdentifierType = "jumio_authentication"
	Document       events.IdentifierType = "jumio_document"
)

// The kinds that it counts.
const (
	scans           events.Kind = "scans"
	authentications events.Kind = "authentications"
	documents       events.Kind = "documents"
)

var kinds = map[events.IdentifierType]events.Kind{Scan: scans, Authentication: authentications, Document: documents}

// shelves says on which of a region's hosts a kind lies.
var shelves = map[events.Kind]func(Region) string{
	scans:           func(r Region) string { return r.API },
	authentications: func(r Region) string { return r.API },
	documents:       func(r Region) string { return r.Retrieval },
}

// reference is one transaction at the vendor. It is personal data.
type reference struct {
	region string
	kind   events.Kind
	value  string
}

// referenceForm keeps out whatever could change the path of a request.
var referenceForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,36}$`)

// references reads the task's identifiers, each transaction once. A value that cannot be
// read is a fault, never nothing: it stands for a transaction that may exist.
func (p *Participant) references(t participants.Task) ([]reference, error) {
	if p.config.Realm != "" && t.Realm != p.config.Realm {
		return nil, misconfigured("wrong_realm", "the task is of another realm than this participant serves")
	}
	var out []reference
	for _, id := range t.Identifiers {
		kind, ours := kinds[id.Type]
		if !ours {
			continue
		}
		ref, err := p.parse(kind, id.Value.Reveal())
		if err != nil {
			return nil, err
		}
		if !slices.Contains(out, ref) {
			out = append(out, ref)
		}
	}
	return out, nil
}

func (p *Participant) parse(kind events.Kind, value string) (reference, error) {
	region, rest, named := strings.Cut(value, ":")
	if !named {
		region, rest = p.config.DefaultRegion, value
	}
	region = strings.ToLower(region)
	switch _, served := p.regions[region]; {
	case region == "":
		return reference{}, misconfigured("region_missing", "a reference names no region, and there is no default_region")
	case !served:
		return reference{}, misconfigured("region_not_configured", "a reference names a region that is not among the regions")
	case !referenceForm.MatchString(rest):
		return reference{}, misconfigured("reference_form", "a reference is not 1 to 36 letters, digits, - or _")
	}
	return reference{region: region, kind: kind, value: rest}, nil
}

// url is where the transaction is deleted and retrieved.
func (p *Participant) url(ref reference) string {
	base := strings.TrimSuffix(shelves[ref.kind](p.regions[ref.region]), "/")
	return base + "/api/netverify/v2/" + string(ref.kind) + "/" + url.PathEscape(ref.value)
}

func misconfigured(code, hint string) error {
	return &participants.Misconfigured{Code: code, Err: fmt.Errorf("jumio: %s", hint)}
}
