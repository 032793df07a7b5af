// Package assembly puts the parts together to what runs: a [Home] is the data folder of an
// orchestrator, a [Bus] is its NATS server, [Orchestrator] and [Workers] run on them. None
// of them reads a flag or the environment.
package assembly
