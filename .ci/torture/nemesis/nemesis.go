// Package nemesis is what goes wrong: everything that a machine, a network or a stranger
// does to a service sooner or later, drawn from a seed.
package nemesis

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/expunge-io/expunge/torture/proc"
	"github.com/expunge-io/expunge/torture/record"
	"github.com/expunge-io/expunge/torture/stage"
)

// Counts is how often each thing was done.
type Counts struct {
	Kills     int `json:"kills"`
	Cuts      int `json:"cuts"`
	Slows     int `json:"slows"`
	Stops     int `json:"stops"`
	Fulls     int `json:"fulls"`
	Clocks    int `json:"clocks"`
	Jumps     int `json:"jumps"`
	Poisons   int `json:"poisons"`
	Vendors   int `json:"vendors"`
	PowerCuts int `json:"power_cuts"`
	Outages   int `json:"outages"`
	Restores  int `json:"restores"`
}

// Nemesis is one kind of trouble.
type Nemesis struct {
	Name   string
	every  time.Duration // on average
	strike func(h *Hand) error
	cover  func(s *stage.Stage) string // why it cannot be had here; "": it can
}

// all are the kinds, in the order in which they draw.
var all = []Nemesis{
	{"kill", 1200 * time.Millisecond, (*Hand).kill, always},
	{"bus", 25 * time.Second, (*Hand).restartBus, always},
	{"stop", 5 * time.Second, (*Hand).freeze, always},
	{"cut", 4 * time.Second, (*Hand).cut, always},
	{"slow", 9 * time.Second, (*Hand).slow, always},
	{"full", 20 * time.Second, (*Hand).full, func(s *stage.Stage) string { return unless(s.Data.CanFill(), "no tmpfs and no /dev/fuse: run as root") }},
	{"power", 12 * time.Second, (*Hand).power, func(s *stage.Stage) string {
		return unless(s.Data.CanCut(), "/dev/fuse cannot be mounted: run as root")
	}},
	{Outage, 10 * time.Second, (*Hand).outage, func(s *stage.Stage) string {
		return unless(s.BusData != nil && s.BusData.CanCut(), "/dev/fuse cannot be mounted: run as root")
	}},
	{"clock", 10 * time.Second, (*Hand).clock, always},
	{"poison", 3 * time.Second, (*Hand).poison, always},
	{"vendor", 9 * time.Second, (*Hand).vendor, always},
	{"jump", 40 * time.Second, (*Hand).jump, always},
	{"restore", 50 * time.Second, (*Hand).restore, canRestore},
}

// Outage cuts the power of the bus, which is then to sync before it acknowledges. Who wants it
// says so.
const Outage = "outage"

// Usual are the names of those that every run has.
func Usual() []string {
	return slices.DeleteFunc(Names(), func(name string) bool { return name == Outage })
}

func always(*stage.Stage) string { return "" }

func unless(can bool, why string) string {
	if can {
		return ""
	}
	return why
}

// Names are the names of all kinds.
func Names() (names []string) {
	for _, n := range all {
		names = append(names, n.Name)
	}
	return names
}

// Crew is a hand for each kind that was chosen.
type Crew struct {
	stage  *stage.Stage
	book   *record.Book
	log    io.Writer
	marker string
	seed   uint64
	chosen []Nemesis

	locks map[*proc.Process]*sync.Mutex // one trouble at a time for each process

	mu      sync.Mutex
	counts  Counts
	freezes []record.Freeze
	skewed  time.Time
	faults  []error
}

// New chooses kinds by name. What cannot be had on this machine is said in the second
// result, one line each.
func New(s *stage.Stage, book *record.Book, names []string, seed uint64, marker string, log io.Writer) (*Crew, []string, error) {
	c := &Crew{stage: s, book: book, log: log, marker: marker, seed: seed, locks: map[*proc.Process]*sync.Mutex{}}
	for _, p := range s.Processes() {
		c.locks[p] = &sync.Mutex{}
	}
	var uncovered []string
	for _, name := range names {
		i := slices.IndexFunc(all, func(n Nemesis) bool { return n.Name == name })
		if i < 0 {
			return nil, nil, fmt.Errorf("no nemesis %q; there are %s", name, strings.Join(Names(), ", "))
		}
		if why := all[i].cover(s); why != "" {
			uncovered = append(uncovered, fmt.Sprintf("not covered: nemesis %s: %s", name, why))
			continue
		}
		c.chosen = append(c.chosen, all[i])
	}
	return c, uncovered, nil
}

// Hand does one kind of trouble again and again.
type Hand struct {
	*Crew
	ctx context.Context
	rng *rand.Rand
}

// Run makes trouble until ctx ends, and then mends all of it.
func (c *Crew) Run(ctx context.Context) error {
	var hands sync.WaitGroup
	for i, n := range c.chosen {
		h := &Hand{Crew: c, ctx: ctx, rng: rand.New(rand.NewPCG(c.seed, 1_000_000+uint64(i)))}
		hands.Go(func() { h.work(n) })
	}
	hands.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.faults) > 0 {
		return c.faults[0]
	}
	return c.mend()
}

func (h *Hand) work(n Nemesis) {
	for h.wait(n.every/2 + h.upTo(n.every)) {
		if err := n.strike(h); err != nil {
			h.mu.Lock()
			h.faults = append(h.faults, fmt.Errorf("nemesis %s: %w", n.Name, err))
			h.mu.Unlock()
			return
		}
	}
}

// mend puts clocks right and makes sure that everything runs.
func (c *Crew) mend() error {
	for _, p := range c.stage.Processes() {
		p.Thaw()
		if err := c.stage.SetClock(p, 0); err != nil {
			return err
		}
	}
	c.say("all is well again")
	return c.stage.Start()
}

// Counts returns how often each thing was done.
func (c *Crew) Counts() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts
}

// Freezes are the times in which workers stood still.
func (c *Crew) Freezes() []record.Freeze {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.freezes)
}

// say notes what is done, with the time, beside the logs of who suffers it.
func (c *Crew) say(format string, args ...any) {
	fmt.Fprintf(c.log, "%s %s\n", time.Now().UTC().Format("15:04:05.000"), fmt.Sprintf(format, args...))
}

func (c *Crew) count(n *int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*n++
}

func (h *Hand) upTo(d time.Duration) time.Duration { return time.Duration(h.rng.Int64N(int64(d))) }

// wait reports whether the run goes on.
func (h *Hand) wait(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return h.ctx.Err() == nil
	case <-h.ctx.Done():
		return false
	}
}

// hold keeps other troubles away from a process.
func (h *Hand) hold(p *proc.Process) (release func()) {
	h.locks[p].Lock()
	return h.locks[p].Unlock
}
