package demo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"github.com/expunge-io/expunge/cmd/expunge/assembly"
	"github.com/expunge-io/expunge/cmd/expunge/config"
	"github.com/expunge-io/expunge/cmd/expunge/people"
	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/events/bus/embedded"
	"github.com/expunge-io/expunge/orchestrator/saga"
)

// SystemsFolder is where, in the data folder, the people's own systems rest: the only
// place where a person may be found.
const SystemsFolder = "systems"

// Options say how to run. Folder, Plan and Log are required.
type Options struct {
	Folder string      // survives; opened again, everything goes on where it was
	Plan   saga.Plan   // the source's own
	Plans  []saga.Plan // others of the same participants, which a request may name
	HTTP   string      // loopback address of the API; empty: any free port
	// BusPort is where the bus listens; there, who comes without credentials is source
	// demo, and may operate. 0: nowhere, the process talks to itself.
	BusPort     int
	TakeOver    bool          // the bus in the folder, from an orchestrator that is gone for good
	StopTimeout time.Duration // of the workers
	Version     string
	Log         *slog.Logger
}

// Stack is everything, opened.
type Stack struct {
	Systems people.Systems

	options      Options
	home         *assembly.Home
	vendors      *vendors
	bus          *assembly.Bus
	users        map[string]bus.Key // by participant, and by source
	orchestrator *assembly.Orchestrator
	workers      []*assembly.Worker
}

// Open opens the folder, which is made if it is not there, and starts the bus in it.
// Nothing else runs before Run. Close the stack in any case.
func Open(ctx context.Context, o Options) (*Stack, error) {
	s := &Stack{options: o, users: map[string]bus.Key{}}
	for _, step := range []func(context.Context) error{s.openHome, s.openSystems, s.openBus, s.openOrchestrator, s.openWorkers} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

// openHome comes first: its lock proves that nobody else is at the folder.
func (s *Stack) openHome(context.Context) (err error) {
	s.home, err = assembly.OpenHome(s.options.Folder, "")
	return err
}

func (s *Stack) openSystems(ctx context.Context) error {
	folder := filepath.Join(s.home.Folder, SystemsFolder)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	if err := people.Create(ctx, s.accounts(), people.All()); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", people.DSN(s.accounts()))
	if err != nil {
		return fmt.Errorf("account store: %w", err)
	}
	s.Systems.Accounts = db
	if s.vendors, err = openVendors(folder, s.options.Log); err != nil {
		return err
	}
	s.Systems.Jumio, s.Systems.Cognito = s.vendors.jumio, s.vendors.cognito
	return s.Systems.Seed(people.All())
}

func (s *Stack) accounts() string { return filepath.Join(s.home.Folder, SystemsFolder, "accounts.db") }

func (s *Stack) openBus(context.Context) error {
	cfg := embedded.Config{Logger: s.options.Log, InProcessOnly: s.options.BusPort == 0}
	cfg.StoreDir, cfg.Port = s.home.BusFolder(), s.options.BusPort
	for _, p := range s.options.Plan.Participants {
		account, err := s.account(p.Name)
		if err != nil {
			return err
		}
		cfg.Participants = append(cfg.Participants, account)
	}
	source, err := s.account(Source)
	if err != nil {
		return err
	}
	cfg.Sources, cfg.NoAuthSource, cfg.NoAuthOperates = []bus.Account{source}, Source, true
	s.bus, err = assembly.Embed(cfg)
	return err
}

func (s *Stack) account(name string) (bus.Account, error) {
	key, err := bus.NewKey()
	s.users[name] = key
	return bus.Account{Name: name, Keys: []string{key.Public()}}, err
}

func (s *Stack) openOrchestrator(context.Context) (err error) {
	s.orchestrator, err = assembly.NewOrchestrator(s.config(), s.home, s.bus, s.options.Version, s.options.Log)
	return err
}

// openWorkers gives every worker the folder's instance name: the lock proves that the
// earlier process is dead, and what it had begun is taken up at once.
func (s *Stack) openWorkers(ctx context.Context) error {
	cfg := s.config()
	targets, err := assembly.Targets(cfg, s.options.Log)
	if err != nil {
		return err
	}
	for _, name := range cfg.Participants() {
		nc, err := s.bus.Connect(ctx, "worker "+name, s.users[name])
		if err != nil {
			return err
		}
		w, err := assembly.NewWorker(name, cfg.Workers[name], nc, assembly.WorkerOptions{
			Instance: s.home.Instance, StopTimeout: s.options.StopTimeout, Version: s.options.Version, Log: s.options.Log,
			Target: targets[name],
		})
		if err != nil {
			return err
		}
		s.workers = append(s.workers, w)
	}
	return nil
}

const mebi = 1 << 20

// config is what a configuration file for this stack would say.
func (s *Stack) config() config.Config {
	return config.Config{
		Data: s.home.Folder, TakeOver: s.options.TakeOver,
		HTTP:    config.HTTP{Listen: s.options.HTTP, Source: Source},
		NATS:    config.NATS{Limits: bus.Limits{RequestBytes: 8 * mebi, CommandBytes: 8 * mebi, EventBytes: 32 * mebi}}, // any disk has that
		Sources: map[string]config.Source{Source: {Realm: people.Realm, Plan: PlanName, Regime: "gdpr"}},
		Plans:   s.plans(),
		Workers: s.workerConfigs(),
	}
}

func (s *Stack) plans() map[string]saga.Plan {
	out := map[string]saga.Plan{PlanName: s.options.Plan.WithDefaults()}
	for _, p := range s.options.Plans {
		out[p.Name] = p.WithDefaults()
	}
	return out
}

// Run runs everything until ctx ends. The parts stop in an order in which each can finish:
// the workers, who still report, then the orchestrator, then the vendors.
func (s *Stack) Run(ctx context.Context) error {
	ctx, stopWorkers := context.WithCancel(ctx)
	defer stopWorkers()
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServing()
	selling, stopSelling := context.WithCancel(context.WithoutCancel(ctx))
	defer stopSelling()

	var g errgroup.Group
	g.Go(func() error {
		defer stopWorkers()
		return s.vendors.run(selling)
	})
	g.Go(func() error {
		defer stopSelling()
		defer stopWorkers()
		return s.orchestrator.Run(serving)
	})
	var err error
	if s.AwaitReady(ctx) == nil { // or the workers' first claims would not be answered
		err = assembly.RunWorkers(ctx, s.workers)
	}
	stopServing()
	return errors.Join(err, g.Wait())
}

// AwaitReady returns once requests are served; its error is that of ctx.
func (s *Stack) AwaitReady(ctx context.Context) error { return s.orchestrator.AwaitReady(ctx) }

// HTTP is the address of the API.
func (s *Stack) HTTP() string { return s.orchestrator.HTTP() }

// BusURL is where others reach the bus.
func (s *Stack) BusURL() string { return s.bus.URL() }

// Connect connects to the bus as source demo. The caller closes the connection.
func (s *Stack) Connect(ctx context.Context) (*nats.Conn, error) {
	return s.bus.Connect(ctx, "source "+Source, s.users[Source])
}

// StopServices closes all but the systems, which can still be asked. Run must have
// returned.
func (s *Stack) StopServices() error {
	var errs []error
	for _, w := range s.workers {
		errs = append(errs, w.Close())
	}
	if s.orchestrator != nil {
		errs = append(errs, s.orchestrator.Close())
	}
	if s.bus != nil {
		s.bus.Close()
	}
	if s.home != nil {
		errs = append(errs, s.home.Close())
	}
	s.workers, s.orchestrator, s.bus, s.home = nil, nil, nil, nil
	return errors.Join(errs...)
}

// Close closes everything that is open. Run must have returned.
func (s *Stack) Close() error {
	errs := []error{s.StopServices()}
	if s.vendors != nil {
		errs = append(errs, s.vendors.close())
	}
	if s.Systems.Accounts != nil {
		errs = append(errs, s.Systems.Accounts.Close())
	}
	return errors.Join(errs...)
}
