package participants

import (
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/expunge-io/expunge/events"
)

// maxLogged is how much of a participant's own text is logged, in bytes.
const maxLogged = 1000

// scrubber returns what makes a participant's own text fit for a log. Participants promise
// texts without identifiers; this is for those that break the promise, and for the errors
// of the libraries below them, which like to quote a URL or a row. Every identifier of the
// task is replaced, as it is and as it looks when quoted or escaped, whatever the case.
func scrubber(t Task) func(string) string {
	pattern := sync.OnceValues(func() (*regexp.Regexp, error) { return patternOf(privateOf(t)) })
	return func(text string) string {
		re, err := pattern()
		if err != nil {
			return events.Redacted // too much to look for: nothing of it is safe
		}
		return cut(re.ReplaceAllLiteralString(text, events.Redacted))
	}
}

var nothing = regexp.MustCompile(`$.`) // matches nothing

// privateOf returns what of a task must not be logged.
func privateOf(t Task) []events.Private {
	values := []events.Private{t.Undo}
	for _, id := range t.Identifiers {
		values = append(values, id.Value)
	}
	for _, item := range t.Items {
		values = append(values, item.Reference)
	}
	return values
}

func patternOf(values []events.Private) (*regexp.Regexp, error) {
	var forms []string
	for _, v := range values {
		forms = append(forms, formsOf(v.Reveal())...)
	}
	if len(forms) == 0 {
		return nothing, nil
	}
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) }) // a form may hold another
	for i, form := range forms {
		forms[i] = regexp.QuoteMeta(form)
	}
	return regexp.Compile(`(?i)` + strings.Join(forms, "|"))
}

func formsOf(value string) []string {
	query := url.QueryEscape(value)
	forms := []string{
		value, url.PathEscape(value), query,
		strings.ReplaceAll(query, "+", "%20"), strings.ReplaceAll(query, "%2B", "+"),
	}
	for _, quoted := range []string{strconv.Quote(value), strconv.QuoteToASCII(value), jsonQuoted(value)} {
		forms = append(forms, quoted[1:len(quoted)-1])
	}
	return slices.DeleteFunc(forms, func(s string) bool { return s == "" })
}

func jsonQuoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return `""` // a string is always JSON
	}
	return string(b)
}

func cut(text string) string {
	if len(text) <= maxLogged {
		return text
	}
	return strings.ToValidUTF8(text[:maxLogged], "") + "..."
}
