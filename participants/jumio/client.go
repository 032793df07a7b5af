package jumio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/expunge-io/expunge/participants"
)

const maxBody = 1 << 20 // bytes of an answer that are read

// answer is what the vendor said to one request.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// send makes one request. Its errors hold no URL, because that holds the reference.
func (p *Participant) send(ctx context.Context, method string, ref reference) (answer, error) {
	limited, cancel := context.WithTimeout(ctx, p.config.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(limited, method, p.url(ref), nil)
	if err != nil {
		return answer{}, misconfigured("base_url", "a base URL makes no request")
	}
	region := p.regions[ref.region]
	req.SetBasicAuth(region.Token, region.Secret)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", p.config.UserAgent)
	resp, err := p.http.Do(req)
	if err != nil {
		return answer{}, participants.VendorUnreached(ctx, "jumio", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return answer{}, participants.VendorUnreached(ctx, "jumio", err)
	}
	return answer{status: resp.StatusCode, header: resp.Header, body: body}, nil
}

// verdictOf returns the error that a status stands for, and nil for 200 and 404, which
// mean different things to different requests.
func (p *Participant) verdictOf(a answer) error {
	switch {
	case a.status == http.StatusOK || a.status == http.StatusNotFound:
		return nil
	case a.status == http.StatusUnauthorized || a.status == http.StatusForbidden:
		return misconfigured("credentials", "the vendor refuses the credentials: status "+strconv.Itoa(a.status))
	case a.status == http.StatusConflict || a.status == http.StatusLocked:
		return p.pending()
	case a.status == http.StatusTooManyRequests:
		return &participants.RetryAfter{After: participants.VendorRetry(a.header), Code: "rate_limited"}
	case a.status >= 500 || a.status == http.StatusRequestTimeout:
		return fmt.Errorf("jumio: status %d", a.status)
	default:
		return misconfigured("unexpected_status", "the vendor answers with status "+strconv.Itoa(a.status))
	}
}

func (p *Participant) pending() error {
	return &participants.RetryAfter{After: p.config.PendingWait, Code: "pending"}
}

// sight is what a retrieval showed.
type sight int

const (
	gone    sight = iota // 404: deleted, never there, or out of sight
	here                 // finished, and can be deleted
	ongoing              // in progress: cannot be deleted yet
)

// look retrieves a transaction's status. An answer that is not about this transaction is
// an error: a proxy's page is no proof of anything.
func (p *Participant) look(ctx context.Context, ref reference) (sight, error) {
	a, err := p.send(ctx, http.MethodGet, ref)
	if err == nil {
		err = p.verdictOf(a)
	}
	if err != nil {
		return gone, err
	}
	if a.status == http.StatusNotFound {
		return gone, nil
	}
	return read(a.body, ref)
}

func read(body []byte, ref reference) (sight, error) {
	var doc struct {
		ScanReference        string `json:"scanReference"`
		TransactionReference string `json:"transactionReference"`
		Status               string `json:"status"`
		TransactionResult    string `json:"transactionResult"`
	}
	err := json.Unmarshal(body, &doc)
	if err != nil || first(doc.ScanReference, doc.TransactionReference) != ref.value {
		return gone, errors.New("jumio: a retrieval answered with something else than the transaction")
	}
	switch first(doc.Status, doc.TransactionResult) {
	case "PENDING", "CREATED", "STARTED":
		return ongoing, nil
	default:
		return here, nil
	}
}
