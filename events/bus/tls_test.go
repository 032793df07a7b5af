package bus_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/expunge-io/expunge/events/bus"
)

func TestTLSBothWays(t *testing.T) {
	files := certificates(t)
	s := newStand(t)
	s.cfg.TLS = files
	s.start(t)
	dial(t, bus.Config{URL: s.url, NKey: s.keys["demo"], TLS: files})

	for what, half := range map[string]bus.TLS{
		"without a client certificate": {CA: files.CA},
		"without trust in the server":  {Cert: files.Cert, Key: files.Key},
	} {
		nc, err := bus.Connect(bus.Config{URL: s.url, NKey: s.keys["demo"], TLS: half})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		if bus.WaitConnected(ctx, nc) == nil {
			t.Errorf("connected %s", what)
		}
		cancel()
		nc.Close()
	}
}

// certificates makes one self-signed certificate that serves as authority, server and
// client.
func certificates(t *testing.T) bus.TLS {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	file := write("cert.pem", "CERTIFICATE", cert)
	return bus.TLS{CA: file, Cert: file, Key: write("key.pem", "PRIVATE KEY", private)}
}
