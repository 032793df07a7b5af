package config

import (
	"os"
	"strings"

	"github.com/expunge-io/expunge/storage/vault"
)

// keyFile reads the name of a file that holds a key-encryption key.
func keyFile(to *string) func(node) {
	return func(n node) {
		var name string
		file(&name)(n)
		if name == "" {
			return
		}
		if _, err := vault.LoadKEK(name); err != nil {
			n.bad("%v", err)
		}
		*to = name
	}
}

// secret adds to f how a secret is read: inline under its name, or from a file, without
// the white space around it, under name_file.
func secret(f fields, name string, to *string) {
	f[name] = text(to)
	f[name+"_file"] = func(n node) {
		var path string
		file(&path)(n)
		if path == "" {
			return
		}
		b, err := os.ReadFile(path)
		if err != nil {
			n.bad("%v", err)
			return
		}
		if *to = strings.TrimSpace(string(b)); *to == "" {
			n.bad("%s holds nothing", path)
		}
	}
}

// oneSecret reports a secret that is missing, or given in both ways.
func (n node) oneSecret(name string) {
	inline, fromFile := n.has(name), n.has(name+"_file")
	switch {
	case inline && fromFile:
		n.at(name+"_file").bad("%s is given too: only one of them may be", name)
	case !inline && !fromFile:
		n.at(name+"_file").bad("missing (or %s, for trying out)", name)
	}
}
