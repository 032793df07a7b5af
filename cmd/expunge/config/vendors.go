package config

import (
	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants/capture"
	"github.com/expunge-io/expunge/participants/cognito"
	"github.com/expunge-io/expunge/participants/jumio"
	"github.com/expunge-io/expunge/participants/sila"
)

func (w *Worker) readCognito(n node) {
	c := &cognito.Config{}
	w.Cognito = c
	f := fields{
		"realm":             word(&c.Realm),
		"region":            text(&c.Region),
		"pool":              text(&c.Pool),
		"access_key_id":     text(&c.AccessKeyID),
		"endpoint":          text(&c.Endpoint),
		"need_sub":          flag(&c.NeedSub),
		"allow_no_sign_out": flag(&c.AllowNoSignOut),
		"timeout":           duration(&c.Timeout),
		"retry_delay":       duration(&c.RetryDelay),
	}
	secret(f, "secret_access_key", &c.SecretAccessKey)
	secret(f, "session_token", &c.SessionToken)
	before := len(n.r.faults)
	n.object(f)
	n.oneSecret("secret_access_key")
	w.try(n, before)
}

func (w *Worker) readCapture(n node) {
	c := &capture.Config{}
	w.Capture = c
	f := fields{
		"realm":         word(&c.Realm),
		"url":           text(&c.URL),
		"client_id":     text(&c.ClientID),
		"auth":          oneOf(&c.Auth, capture.Basic, capture.Form),
		"type_name":     text(&c.TypeName),
		"by":            func(n node) { c.By = readBy(n) },
		"key_attribute": text(&c.KeyAttribute),
		"key_type":      identifierType(&c.KeyType),
		"yield_uuid":    flag(&c.YieldUUID),
		"timeout":       duration(&c.Timeout),
	}
	secret(f, "client_secret", &c.ClientSecret)
	before := len(n.r.faults)
	n.object(f)
	n.oneSecret("client_secret")
	w.try(n, before)
}

func readBy(n node) (out []capture.By) {
	for _, element := range n.list() {
		var by capture.By
		oneOf(&by, capture.ByUUID, capture.ByKey, capture.ByAccessToken)(element)
		out = append(out, by)
	}
	return out
}

func (w *Worker) readJumio(n node) {
	c := &jumio.Config{}
	w.Jumio = c
	f := fields{
		"realm":          word(&c.Realm),
		"user_agent":     text(&c.UserAgent),
		"token":          text(&c.Token),
		"default_region": text(&c.DefaultRegion),
		"timeout":        duration(&c.Timeout),
		"pending_wait":   duration(&c.PendingWait),
		"regions":        func(n node) { c.Regions = readRegions(n) },
	}
	secret(f, "secret", &c.Secret)
	before := len(n.r.faults)
	n.object(f)
	w.try(n, before)
}

func readRegions(n node) map[string]jumio.Region {
	out := map[string]jumio.Region{}
	for name, value := range n.entries() {
		r := jumio.Region{}
		f := fields{
			"api":       text(&r.API),
			"retrieval": text(&r.Retrieval),
			"token":     text(&r.Token),
			"probes":    func(n node) { r.Probes = readProbes(n) },
		}
		secret(f, "secret", &r.Secret)
		value.object(f)
		out[name] = r
	}
	return out
}

func readProbes(n node) map[events.Kind]string {
	out := map[events.Kind]string{}
	for kind, value := range n.entries() {
		var reference string
		text(&reference)(value)
		out[events.Kind(kind)] = reference
	}
	return out
}

func (w *Worker) readSila(n node) {
	c := &sila.Config{}
	w.Sila = c
	f := fields{
		"realm":              word(&c.Realm),
		"api":                text(&c.API),
		"app_handle":         text(&c.AppHandle),
		"client_id":          text(&c.ClientID),
		"probe":              text(&c.Probe),
		"advanced_kyc":       flag(&c.AdvancedKYC),
		"ground":             text(&c.Ground),
		"session_identifier": text(&c.SessionIdentifier),
		"timeout":            duration(&c.Timeout),
		"pending_wait":       duration(&c.PendingWait),
	}
	secrets := map[string]*string{"client_secret": &c.ClientSecret, "app_key": &c.AppKey, "user_key": &c.UserKey}
	for name, to := range secrets {
		secret(f, name, to)
	}
	before := len(n.r.faults)
	n.object(f)
	for name := range secrets {
		if n.has(name) && n.has(name+"_file") {
			n.oneSecret(name)
		}
	}
	w.try(n, before)
}
