package config

import (
	"crypto/tls"
	"crypto/x509"
	"os"

	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/participants/redis"
)

func (w *Worker) readRedis(participant string, n node) {
	c := &redis.Config{}
	w.Redis = c
	f := fields{
		"realm":     word(&c.Realm),
		"addresses": texts(&c.Addresses),
		"cluster":   flag(&c.Cluster),
		"database":  integer(&c.Database, 0, 1<<16),
		"username":  text(&c.Username),
		"tls":       loadTLS(&c.TLS),
		"canary":    text(&c.Canary),
		"delimiter": text(&c.Delimiter),
		"suspend":   flag(&c.Suspend),
		"timeout":   duration(&c.Timeout),
		"batch":     integer(&c.Batch, 1, 10_000),
		"places": func(n node) {
			for _, element := range n.list() {
				c.Places = append(c.Places, readPlace(participant, element))
			}
		},
	}
	secret(f, "password", &c.Password)
	before := len(n.r.faults)
	n.object(f)
	w.try(n, before)
}

func readPlace(participant string, n node) (p redis.Place) {
	n.object(fields{
		"kind":       kindOf(participant, &p.Kind),
		"key":        text(&p.Key),
		"index":      text(&p.Index),
		"collection": text(&p.Collection),
		"member":     text(&p.Member),
	})
	return p
}

// loadTLS reads how a connection is encrypted, and the files for it. Nothing at all is the
// trust of the system.
func loadTLS(to **tls.Config) func(node) {
	return func(n node) {
		var files bus.TLS
		c := &tls.Config{MinVersion: tls.VersionTLS12}
		before := len(n.r.faults)
		readTLS(&files)(n)
		if *to = c; len(n.r.faults) > before {
			return
		}
		if files.CA != "" {
			c.RootCAs = x509.NewCertPool()
			pem, err := os.ReadFile(files.CA)
			if err != nil || !c.RootCAs.AppendCertsFromPEM(pem) {
				n.at("ca").bad("%s: no certificate can be read from it", files.CA)
			}
		}
		if files.Cert != "" {
			pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
			if err != nil {
				n.at("cert").bad("%s and %s: no certificate and key of it can be read", files.Cert, files.Key)
			}
			c.Certificates = []tls.Certificate{pair}
		}
	}
}
