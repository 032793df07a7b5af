package config

import (
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// scalar returns the text of a value with one of the tags; anything else is a fault.
func (n node) scalar(want string, tags ...string) (string, bool) {
	if n.value.Kind == yaml.ScalarNode && slices.Contains(tags, n.value.Tag) {
		return n.value.Value, true
	}
	n.bad("want %s, got %s", want, kindName(n.value.Kind, n.value.Tag))
	return "", false
}

// text reads text that is not empty.
func text(to *string) func(node) {
	return func(n node) {
		s, ok := n.scalar("text (put a number in quotes)", "!!str")
		if !ok {
			return
		}
		if strings.TrimSpace(s) == "" {
			n.bad("must not be empty")
			return
		}
		*to = s
	}
}

// oneOf reads one of a few words.
func oneOf[T ~string](to *T, words ...T) func(node) {
	return func(n node) {
		s, ok := n.scalar("text", "!!str")
		if ok && !slices.Contains(words, T(s)) {
			n.bad("%q: want one of %v", s, words)
			return
		}
		*to = T(s)
	}
}

func integer[T int | int64](to *T, least, most T) func(node) {
	return func(n node) {
		s, ok := n.scalar("a number", "!!int")
		if !ok {
			return
		}
		i, err := strconv.ParseInt(s, 10, 64)
		if err != nil || i < int64(least) || i > int64(most) {
			n.bad("want a number from %d to %d", least, most)
			return
		}
		*to = T(i)
	}
}

// size reads a number of bytes, as in 64MiB. Less than a MiB holds no message.
func size(to *int64) func(node) {
	return func(n node) {
		s, ok := n.scalar("a size such as 64MiB or 4GiB", "!!str")
		if !ok {
			return
		}
		m := sizeForm.FindStringSubmatch(s)
		if m == nil {
			n.bad("%q is not a size such as 64MiB or 4GiB", s)
			return
		}
		number, _ := strconv.ParseInt(m[1], 10, 64) // at most seven digits
		*to = number << map[string]int{"MiB": 20, "GiB": 30}[m[2]]
	}
}

var sizeForm = regexp.MustCompile(`^([1-9]\d{0,6})(MiB|GiB)$`)

func flag(to *bool) func(node) {
	return func(n node) {
		if s, ok := n.scalar("true or false", "!!bool"); ok {
			*to = strings.EqualFold(s, "true")
		}
	}
}

// duration reads a length of time that is not negative.
func number(to *float64) func(node) {
	return func(n node) {
		s, ok := n.scalar("a number", "!!int", "!!float")
		if !ok {
			return
		}
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			n.bad("want a number such as 25 or 0.5")
			return
		}
		*to = f
	}
}

func duration(to *time.Duration) func(node) {
	return func(n node) {
		s, ok := n.scalar("a duration such as 30s, 15m, 8h or 30d", "!!str", "!!int")
		if !ok {
			return
		}
		d, err := ParseDuration(s)
		if err != nil {
			n.bad("%v", err)
			return
		}
		*to = d
	}
}

var days = regexp.MustCompile(`^(\d{1,5})d`)

// ParseDuration is [time.ParseDuration] with leading days, as in 30d or 1d12h; a day is 24
// hours. Negative durations are refused.
func ParseDuration(s string) (time.Duration, error) {
	var whole time.Duration
	rest := s
	if m := days.FindStringSubmatch(s); m != nil {
		n, _ := strconv.Atoi(m[1]) // five digits
		whole, rest = time.Duration(n)*24*time.Hour, s[len(m[0]):]
		if rest == "" {
			return whole, nil
		}
	}
	more, err := time.ParseDuration(rest)
	if err != nil || more < 0 {
		return 0, fmt.Errorf("%q is not a duration such as 30s, 15m, 8h or 30d", s)
	}
	return whole + more, nil
}

// texts reads a list of texts.
func texts[T ~string](to *[]T) func(node) {
	return func(n node) {
		for _, element := range n.list() {
			var s string
			text(&s)(element)
			if s != "" {
				*to = append(*to, T(s))
			}
		}
	}
}

// filename reads the name of a file or folder, which need not be there. A relative one is
// relative to the folder of the configuration file.
func filename(to *string) func(node) {
	return func(n node) {
		var name string
		text(&name)(n)
		_, elsewhere := n.r.from[n.value]
		if name != "" && !elsewhere && !filepath.IsAbs(name) {
			name = filepath.Join(n.r.folder, name)
		}
		*to = name
	}
}

// file is filename for a file that must be there and readable.
func file(to *string) func(node) {
	return func(n node) {
		var name string
		filename(&name)(n)
		if name == "" {
			return
		}
		f, err := os.Open(name)
		if err != nil {
			n.bad("%v", err)
			return
		}
		_ = f.Close() // it was only opened to see that it can be
		*to = name
	}
}

// address reads host:port.
func address(to *string) func(node) {
	return func(n node) {
		var s string
		text(&s)(n)
		if s == "" {
			return
		}
		_, port, err := net.SplitHostPort(s)
		if p, perr := strconv.Atoi(port); err != nil || perr != nil || p < 0 || p > 65535 {
			n.bad("%q: want host:port, as in 127.0.0.1:8080", s)
			return
		}
		*to = s
	}
}
