// Package expunge is the map of a module that erases a person from every system that
// holds a share of them, and proves it.
//
// There is nothing to import here. Look in
//
//   - events for the wire contract: every message, its envelope, its subject;
//     events/bus carries it over NATS JetStream and has a Go client for sources;
//   - participants for the SDK of a worker that erases one share, and for the
//     adapters to real systems;
//   - orchestrator/saga for the decisions, as a pure function; orchestrator for the
//     shell that feeds it, and orchestrator/api for its HTTP doors;
//   - storage for what survives a crash: the store of sagas and the vault of
//     identifiers;
//   - cmd/expunge for the program that wires them.
//
// Which of these may import which is a table in arch_test.go, and a test.
package expunge
