package capture

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/expunge-io/expunge/participants"
)

const maxBody = 1 << 20 // bytes of an answer that are read

// answer is what the vendor said to one request.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// ask makes one request and returns its result, or the verb that its failure stands for.
func (p *Participant) ask(ctx context.Context, operation string, form url.Values) (json.RawMessage, error) {
	limited, cancel := context.WithTimeout(ctx, p.config.Timeout)
	defer cancel()
	req, err := p.request(limited, operation, form)
	if err != nil {
		return nil, err
	}
	a, err := p.send(req)
	if err != nil {
		return nil, participants.VendorUnreached(ctx, "capture", err)
	}
	return read(a)
}

// request is made by the client, or by the holder of an access token, who is an authority
// of its own.
func (p *Participant) request(ctx context.Context, operation string, form url.Values) (*http.Request, error) {
	form.Set("type_name", p.config.TypeName)
	byClient := !form.Has("access_token")
	if byClient && p.config.Auth == Form {
		form.Set("client_id", p.config.ClientID)
		form.Set("client_secret", p.config.ClientSecret)
	}
	target := strings.TrimSuffix(p.config.URL, "/") + "/" + operation
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, misconfigured("base_url", "the url makes no request")
	}
	if byClient && p.config.Auth == Basic {
		req.SetBasicAuth(p.config.ClientID, p.config.ClientSecret)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	return req, nil
}

func (p *Participant) send(req *http.Request) (answer, error) {
	resp, err := p.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	return answer{status: resp.StatusCode, header: resp.Header, body: body}, err
}
