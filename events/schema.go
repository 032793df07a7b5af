package events

import (
	"embed"
	"strings"
)

//go:embed schemas/*.json
var schemas embed.FS

// Schema returns the JSON Schema (2020-12) of a payload's data: what producers must keep
// to. [Decode] is more patient in one thing: outside of a [Request], a [Cancel] and an
// [Operation], null and "" mean that a field is left out. It is stricter where a schema
// cannot be exact: a limit of text counts bytes, and the subjects in a [Command] are of its
// participant.
func Schema(p Payload) []byte {
	if !plain(p) {
		return nil
	}
	b, err := schemas.ReadFile("schemas/" + strings.TrimPrefix(p.ceType(), typePrefix) + ".json")
	if err != nil {
		return nil // cannot be: a test holds the files against Payloads
	}
	return b
}
