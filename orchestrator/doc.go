// Package orchestrator is the shell around the pure core in orchestrator/saga: it takes
// requests, claims and reports from the bus, passes them through one ordered writer, and
// publishes what follows.
//
// What it promises, and where to look:
//
//   - A request that was acknowledged is committed (intake.go, writer.go).
//   - A claim or report is answered after the commit that holds it, never before.
//   - One batch of inputs is one bbolt transaction: state, history, outbox and timers
//     together (batch.go). Two inputs for one saga in a batch see each other.
//   - What is in the outbox is published until the bus has acknowledged it (relay.go).
//   - A running saga is always woken again (clock.go), also after a restart (recover.go).
//   - No personal value is in a log, a metric, a subject or an error. Identifiers are in
//     the sealed box and in the permit that is sent to the participant who needs them.
//
// Start with [New] and [Orchestrator.Run].
package orchestrator
