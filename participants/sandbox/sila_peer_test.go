package sandbox_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/expunge-io/expunge/participants/sandbox"
)

// sdkAnswer is what testdata/sila_sdk.cjs prints of one call.
type sdkAnswer struct {
	Status  int
	Success bool
	Said    string
	Emails  []string
}

// TestSilasOwnSDKIsServed: the client is the vendor's, so that what it signs and expects is
// nothing that we thought of.
func TestSilasOwnSDKIsServed(t *testing.T) {
	if os.Getenv("EXPUNGE_TEST_NODE_MODULES") == "" {
		t.Skip("not covered: Node.js with the SDK of Sila")
	}
	for name, c := range map[string]struct {
		app, user string
		want      int
	}{
		"good keys":        {silaAppKey, silaUserKey, 200},
		"a wrong app key":  {silaUserKey, silaUserKey, 403},
		"a wrong user key": {silaAppKey, silaAppKey, 403},
	} {
		t.Run(name, func(t *testing.T) {
			config := silaConfig()
			config.Now = time.Now
			var data []sandbox.SilaItem
			for _, kind := range []string{"emails", "phones", "addresses", "identities"} {
				data = append(data, silaItem(kind))
			}
			p := openSila(t, config, silaPerson(data...))
			answers := p.sdk(c.app, c.user)
			for call, a := range answers {
				if a.Status != c.want || call != "getEntity" && (a.Success != (c.want == 200) || a.Said == "") {
					t.Errorf("%s: %+v, want status %d", call, a, c.want)
				}
			}
			if len(answers) != 5 {
				t.Errorf("answers %v, want those of five calls", answers)
			}
			if e := answers["getEntity"].Emails; c.want == 200 && (len(e) != 1 || e[0] != silaUUID) {
				t.Errorf("getEntity shows %v", e)
			}
			if left := len(p.Stored()[0].Data); (left == 0) != (c.want == 200) || left != 0 && left != 4 {
				t.Errorf("%d items left", left)
			}
		})
	}
}

func (p *silaPeer) sdk(appKey, userKey string) (answers map[string]sdkAnswer) {
	p.t.Helper()
	cmd := exec.CommandContext(p.t.Context(), "node", "testdata/sila_sdk.cjs")
	cmd.Env = append(os.Environ(), "SILA_URL="+p.url, "APP_KEY=0x"+appKey, "USER_KEY=0x"+userKey, "HANDLE=mia", "UUID="+silaUUID)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		p.t.Fatalf("%v: %s", err, complaints.String())
	}
	if err := json.Unmarshal(out, &answers); err != nil {
		p.t.Fatalf("%v: %s", err, out)
	}
	return answers
}
