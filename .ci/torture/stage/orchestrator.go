package stage

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/expunge-io/expunge/torture/world"
)

// Home is the orchestrator's data folder, on its disk.
func (s *Stage) Home() string { return filepath.Join(s.Data.Folder, "home") }

// layOrchestrator lets it take the bus over: the store of a backup counts as another
// orchestrator's.
func (s *Stage) layOrchestrator(ctx context.Context) error {
	url, err := s.link(ctx, "orchestrator")
	if err != nil {
		return err
	}
	keys := map[string]string{}
	for _, name := range append([]string{"orchestrator", Operator, Shop, Desk}, world.Participants...) {
		if keys[name], err = s.key(name); err != nil {
			return err
		}
	}
	s.Orchestrator = s.process("orchestrator", s.expunge, "serve", "--config", s.Config(), "--take-over")
	return os.WriteFile(s.Config(), []byte(s.orchestratorConfig(url, keys)), 0o600)
}

func (s *Stage) orchestratorConfig(url string, keys map[string]string) string {
	var participants strings.Builder
	for _, name := range world.Participants {
		fmt.Fprintf(&participants, "      %s: [%s]\n", name, keys[name])
	}
	durability := "default"
	if s.BusData != nil {
		durability = "strict"
	}
	return fmt.Sprintf(orchestratorYAML, s.Home(), s.HTTP, url, keys["orchestrator"], participants.String(), keys[Shop], keys[Desk],
		world.Realm, world.Plan, keys[Operator], figures, Graced, Grace, world.Suspending, durability)
}

const orchestratorYAML = `data: %s
durability: %[15]s
http: {listen: %[2]q, source: shop}
nats:
  url: %[3]q
  nkey_file: orchestrator.seed
  limits: {requests: 8MiB, commands: 16MiB, events: 64MiB}
  accounts:
    orchestrator: [%[4]s]
    operators: [%[10]s]
    participants:
%[5]s    sources:
      shop: [%[6]s]
      desk: [%[7]s]
sources:
  shop: {realm: %[8]s, plan: full}
  desk: {realm: %[8]s, plan: full}
plans:
  full:%[11]s
    participants:
%[9]s
  %[12]s:%[11]s
    grace: %[13]s
    participants:
%[14]s`

const figures = `
    permit: 3s
    margin: 500ms
    attempts: 1000
    rounds: 1000
    backoff_first: 200ms
    backoff_max: 1s
    ring: 2s`
