package bus_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/events/bus/embedded"
)

// A source asks for the erasure of a user and waits for the summary. The watch begins
// before the request, so that even an erasure that ends at once is seen.
func ExampleClient() {
	url, key, stop := exampleBus()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	nc, err := bus.Connect(bus.Config{URL: url, NKey: key})
	if err != nil {
		panic(err)
	}
	defer nc.Close()
	if err := bus.WaitConnected(ctx, nc); err != nil {
		panic(err)
	}
	client, err := bus.NewClient(nc, "billing")
	if err != nil {
		panic(err)
	}
	watch, err := client.Watch(ctx)
	if err != nil {
		panic(err)
	}
	defer watch.Close()

	accepted, err := client.Request(ctx, events.Request{UserID: "u-0042", IdempotencyKey: "ticket-17"})
	if err != nil {
		panic(err)
	}
	fmt.Println("accepted:", accepted.Saga)
	summary, _, err := watch.Await(ctx, accepted.Saga)
	if err != nil {
		panic(err)
	}
	fmt.Println("ended:", summary.State)
	// Output:
	// accepted: 01981f7a-5a3e-7c11-9e0b-3f6f3a1b2c4d
	// ended: not_found
}

// exampleBus is a bus with an orchestrator that knows nobody.
func exampleBus() (url string, source bus.Key, stop func()) {
	dir, err := os.MkdirTemp("", "example-bus-*")
	must(err)
	ours, err := bus.NewKey()
	must(err)
	source, err = bus.NewKey()
	must(err)
	server, err := embedded.Start(embedded.Config{ServerConfig: bus.ServerConfig{
		Port:         -1,
		StoreDir:     dir,
		Orchestrator: []string{ours.Public()},
		Sources:      []bus.Account{{Name: "billing", Keys: []string{source.Public()}}},
	}})
	must(err)
	nc, err := bus.Connect(bus.Config{InProcess: server, NKey: ours})
	must(err)
	must(bus.WaitConnected(context.Background(), nc))
	_, err = bus.Serve(nc, bus.ServiceConfig{}, []bus.Endpoint{{Name: "request", Subject: "erasure.request.*", Handler: func(_ context.Context, c bus.Call) {
		now := time.Now()
		summary, err := events.Encode(events.Envelope{ID: "2", Source: "/expunge"}, events.Summary{
			Saga: sagaID, Plan: "default", PlanDigest: "-", State: events.NotFound, Started: now, Due: now, Ended: now, HistoryHead: "-",
		})
		must(err)
		must(nc.Publish(events.SubjectSummary(c.Token(2)), summary.Data))
		accepted, err := events.Encode(events.Envelope{ID: "1", Source: "/expunge"}, events.Acceptance{Saga: sagaID, Request: "r-1", State: events.Resolving, Due: now})
		must(err)
		must(c.Reply(accepted))
	}}})
	must(err)
	return server.URL(), source, func() {
		nc.Close()
		server.Shutdown()
		must(os.RemoveAll(dir))
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
