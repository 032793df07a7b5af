package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/expunge-io/expunge/participants"
)

func misconfigured(code, hint string) error {
	return &participants.Misconfigured{Code: code, Err: fmt.Errorf("redis: %s", hint)}
}

// faults are the errors of a server that an operator must mend, by their first word.
var faults = map[string]error{
	"NOPERM":    misconfigured("no_right", "the user may not do this: it needs exists, type, unlink, scan and the commands of the collections"),
	"NOAUTH":    misconfigured("credentials", "the server wants a password"),
	"WRONGPASS": misconfigured("credentials", "the server refuses the user or the password"),
	"WRONGTYPE": misconfigured("wrong_type", "a key is of another type than its place says"),
}

// verbOf turns an error of the client into a verb of ours. Nothing of its text is kept but
// the server's first word: it could quote a key.
func verbOf(ctx context.Context, err error) error {
	var certificate *tls.CertificateVerificationError
	var network net.Error
	server, isServer := errors.AsType[redis.Error](err)
	switch {
	case err == nil || ours(err):
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case isServer:
		return verbOfServer(server)
	case errors.As(err, &certificate):
		return misconfigured("tls_certificate", "the server's certificate is not trusted")
	case errors.As(err, &network) && network.Timeout():
		return errors.New("redis: no answer in time")
	}
	return fmt.Errorf("redis: no answer that can be read (%T)", err)
}

// ours reports whether an error was made in this package.
func ours(err error) bool { return errors.As(err, new(*participants.Misconfigured)) }

func verbOfServer(err redis.Error) error {
	word, _, _ := strings.Cut(err.Error(), " ")
	if fault, known := faults[word]; known {
		return fault
	}
	switch word {
	case "LOADING", "BUSY", "TRYAGAIN", "CLUSTERDOWN", "MASTERDOWN", "READONLY", "MOVED", "ASK", "OOM", "MISCONF", "NOREPLICAS":
		return errors.New("redis: the server cannot do it now: " + word)
	}
	return errors.New("redis: the server answers with an error")
}
