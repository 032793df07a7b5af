package sila

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// spare is how long before its end a token is replaced. The vendor hands out the same one
// before that.
const spare = 30 * time.Minute

// tokenCache holds the app's access token.
type tokenCache struct {
	turn  chan struct{} // holds one value while nobody looks at the rest
	value string
	until time.Time
}

func newTokenCache() tokenCache {
	c := tokenCache{turn: make(chan struct{}, 1)}
	c.turn <- struct{}{}
	return c
}

// bearer returns a token other than stale, one that was refused.
func (p *Participant) bearer(ctx context.Context, stale string) (string, error) {
	select {
	case <-p.token.turn:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	defer func() { p.token.turn <- struct{}{} }()
	if c := p.token; c.value != "" && c.value != stale && p.config.Now().Before(c.until) {
		return c.value, nil
	}
	value, until, err := p.fetchToken(ctx)
	if err != nil {
		return "", err
	}
	p.token.value, p.token.until = value, until
	return value, nil
}

func (p *Participant) fetchToken(ctx context.Context) (value string, until time.Time, err error) {
	body, err := p.fill("", request{})
	if err != nil {
		return "", time.Time{}, err
	}
	basic := http.Request{Header: http.Header{}}
	basic.SetBasicAuth(p.config.ClientID, p.config.ClientSecret)
	a, err := p.post(ctx, authToken, body, basic.Header)
	if err == nil {
		err = verdictOf(a)
	}
	if err != nil {
		return "", time.Time{}, err
	}
	var doc struct {
		AccessToken struct {
			Token      string `json:"token"`
			Expiration int64  `json:"expiration"` // seconds
		} `json:"access_token"`
	}
	if json.Unmarshal(a.body, &doc) != nil || doc.AccessToken.Token == "" {
		return "", time.Time{}, errStrange
	}
	return doc.AccessToken.Token, time.Unix(doc.AccessToken.Expiration, 0).Add(-spare), nil
}
