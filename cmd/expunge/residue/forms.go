package residue

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf16"
)

// pattern is one form of one identifier.
type pattern struct {
	identifier, form string
	bytes            []byte
	anyCase          bool // bytes are in lower case
}

// patternsOf returns every form of a value. Hashes without a key are forms too: who knows
// the person can compute them, so they are no protection.
func patternsOf(name, value string) []pattern {
	forms := map[string]pattern{}
	add := func(form string, b []byte, anyCase bool) {
		if anyCase {
			b = lower(b)
		}
		forms[form] = pattern{name, form, b, anyCase}
	}
	add("raw", []byte(value), true)
	add("hex", []byte(hex.EncodeToString([]byte(value))), true)
	add("utf-16le", utf16Of(value, binary.LittleEndian), true)
	add("utf-16be", utf16Of(value, binary.BigEndian), true)
	for form, escaped := range escapes(value) {
		add(form, []byte(escaped), true)
	}
	for i, encoded := range base64Of([]byte(value)) {
		add(fmt.Sprintf("base64/%d", i), []byte(encoded), false)
		add(fmt.Sprintf("base64url/%d", i), []byte(urlAlphabet.Replace(encoded)), false)
	}
	for form, sum := range hashes(value) {
		add(form, sum, false)
		add(form+" hex", []byte(hex.EncodeToString(sum)), true)
		add(form+" base64", []byte(base64.RawStdEncoding.EncodeToString(sum)), false)
	}
	return distinct(forms)
}

// distinct leaves out a form that looks like another one, most often like the raw value.
func distinct(forms map[string]pattern) (out []pattern) {
	raw := forms["raw"]
	seen := map[string]bool{string(raw.bytes): true}
	out = append(out, raw)
	for _, p := range forms {
		if !seen[string(p.bytes)] {
			seen[string(p.bytes)] = true
			out = append(out, p)
		}
	}
	return out
}

var urlAlphabet = strings.NewReplacer("+", "-", "/", "_")

// base64Of returns the part of the encoding that does not depend on what stands before and
// behind the value, for each of the three places where a value can start.
func base64Of(value []byte) (out [3]string) {
	for shift := range out {
		padded := append(make([]byte, shift), value...)
		encoded := base64.RawStdEncoding.EncodeToString(padded)
		first := (shift*8 + 5) / 6  // the first letter whose bits are all the value's
		last := len(padded) * 8 / 6 // behind the last such letter
		out[shift] = encoded[first:last]
	}
	return out
}

func utf16Of(value string, order binary.AppendByteOrder) (out []byte) {
	for _, unit := range utf16.Encode([]rune(value)) {
		out = order.AppendUint16(out, unit)
	}
	return out
}

// escapes are the ways in which texts are quoted: JSON, with and without escaping what
// need not be, URLs, once and twice, and HTML.
func escapes(value string) map[string]string {
	quoted, _ := json.Marshal(value) // a string is always JSON
	once := url.QueryEscape(value)
	return map[string]string{
		"json":          strings.Trim(string(quoted), `"`),
		"json \\u":      escapeSigns(value, func(c byte) string { return fmt.Sprintf(`\u%04x`, c) }),
		"url":           once,
		"url path":      url.PathEscape(value),
		"url all signs": escapeSigns(value, func(c byte) string { return fmt.Sprintf("%%%02x", c) }),
		"url twice":     url.QueryEscape(once),
		"html":          escapeSigns(value, func(c byte) string { return fmt.Sprintf("&#%d;", c) }),
		"html hex":      escapeSigns(value, func(c byte) string { return fmt.Sprintf("&#x%x;", c) }),
	}
}

// escapeSigns escapes whatever is neither a letter nor a digit, nor one of the signs that
// no encoder bothers with.
func escapeSigns(value string, escape func(byte) string) string {
	var b strings.Builder
	for i := range len(value) {
		c := value[i]
		if strings.IndexByte("-_.", c) >= 0 || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' {
			b.WriteByte(c)
			continue
		}
		b.WriteString(escape(c))
	}
	return b.String()
}

func hashes(value string) map[string][]byte {
	out := map[string][]byte{}
	for form, v := range map[string]string{"": value, " of the lower case": strings.ToLower(strings.TrimSpace(value))} {
		sha256sum, sha1sum, md5sum := sha256.Sum256([]byte(v)), sha1.Sum([]byte(v)), md5.Sum([]byte(v))
		out["sha-256"+form], out["sha-1"+form], out["md5"+form] = sha256sum[:], sha1sum[:], md5sum[:]
	}
	return out
}
