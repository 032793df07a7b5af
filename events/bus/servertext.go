package bus

import (
	"cmp"
	"fmt"
	"strings"
)

// Text is the configuration file of a nats-server, the same for an external server and the
// embedded one. It holds public keys only. The error is that of [ServerConfig.Validate].
func (c ServerConfig) Text() (string, error) {
	if err := c.Validate(); err != nil {
		return "", fmt.Errorf("server configuration: %w", err)
	}
	w := &strings.Builder{}
	c.writeServer(w)
	c.writeAccounts(w)
	return w.String(), nil
}

func (c ServerConfig) writeServer(w *strings.Builder) {
	port := c.Port
	if port == 0 {
		port = 4222
	}
	fmt.Fprintf(w, "host: %q\nport: %d\n", cmp.Or(c.Host, "127.0.0.1"), port)
	fmt.Fprintf(w, "jetstream {\n  store_dir: %q\n", c.StoreDir)
	if c.StoreBytes > 0 {
		fmt.Fprintf(w, "  max_file_store: %d\n", c.StoreBytes)
	}
	if c.Durability == DurabilityStrict {
		w.WriteString("  sync_interval: always\n")
	}
	w.WriteString("}\n")
	c.writeTLS(w)
	if key := c.noAuthKey(); key != "" {
		fmt.Fprintf(w, "# development: who comes without credentials is source %s\nno_auth_user: %s\n", c.NoAuthSource, key)
	}
}

func (c ServerConfig) writeTLS(w *strings.Builder) {
	if c.TLS.Cert == "" {
		return
	}
	fmt.Fprintf(w, "tls {\n  cert_file: %q\n  key_file: %q\n", c.TLS.Cert, c.TLS.Key)
	if c.TLS.CA != "" {
		fmt.Fprintf(w, "  ca_file: %q\n  verify: true\n", c.TLS.CA)
	}
	w.WriteString("}\n")
}

func (c ServerConfig) noAuthKey() string {
	for _, s := range c.Sources {
		if s.Name == c.NoAuthSource && c.NoAuthSource != "" {
			return s.Keys[0]
		}
	}
	return ""
}

func (c ServerConfig) writeAccounts(w *strings.Builder) {
	tenants := c.tenants()
	w.WriteString("accounts {\n")
	fmt.Fprintf(w, "  %q {\n    jetstream: enabled\n", accountOurs)
	writeUsers(w, c.Orchestrator)
	w.WriteString("    exports: [\n")
	for _, t := range tenants {
		t.writeExports(w)
	}
	w.WriteString("    ]\n  }\n")
	for _, t := range tenants {
		t.write(w)
	}
	w.WriteString("}\n")
}

func (t tenant) writeExports(w *strings.Builder) {
	for _, s := range t.services {
		kind := ""
		if s.many {
			kind = ", response_type: stream"
		}
		fmt.Fprintf(w, "      { service: %q, accounts: [%q]%s }\n", s.subject, t.account, kind)
	}
	for _, s := range t.streams {
		fmt.Fprintf(w, "      { stream: %q, accounts: [%q] }\n", s, t.account)
	}
}

func (t tenant) write(w *strings.Builder) {
	fmt.Fprintf(w, "  %q {\n", t.account)
	t.writePermissions(w)
	writeUsers(w, t.keys)
	w.WriteString("    imports: [\n")
	for _, s := range t.services {
		fmt.Fprintf(w, "      { service: { account: %q, subject: %q } }\n", accountOurs, s.subject)
	}
	for _, s := range t.streams {
		fmt.Fprintf(w, "      { stream: { account: %q, subject: %q } }\n", accountOurs, s)
	}
	w.WriteString("    ]\n  }\n")
}

// writePermissions says again what the imports say, so that a user cannot use the account
// as a channel of its own.
func (t tenant) writePermissions(w *strings.Builder) {
	w.WriteString("    default_permissions {\n      publish: [")
	for _, s := range t.services {
		fmt.Fprintf(w, "%q, ", s.subject)
	}
	w.WriteString("]\n      subscribe: [")
	for _, s := range t.streams {
		fmt.Fprintf(w, "%q, ", s)
	}
	fmt.Fprintf(w, "%q]\n    }\n", "_INBOX.>")
}

func writeUsers(w *strings.Builder, keys []string) {
	w.WriteString("    users: [\n")
	for _, key := range keys {
		fmt.Fprintf(w, "      { nkey: %s }\n", key)
	}
	w.WriteString("    ]\n")
}
