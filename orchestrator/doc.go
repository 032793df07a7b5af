// Package orchestrator is the shell around the pure core in orchestrator/saga: it takes
// requests, claims and reports from the bus, passes them through one ordered writer, and
// publishes what follows.
//
// What it promises, and where to look:
//
//   - A request that was acknowledged is committed (intake.go, writer.go).
//   - A claim or report is answered after the commit that holds it, never before.
//   - One batch of inputs is one bbolt transaction: state, history, outbox and timers
//     together (batch.go). Two inputs for one saga in a batch see each other, and of an
//     input that fails nothing stays in it (attempt.go).
//   - What is in the outbox is published until the bus has acknowledged it (relay.go).
//   - What the bus acknowledged and lost is told again (marks.go, retell.go): summaries with
//     their stored bytes, the decisions accepted, withdrawn, erasing, cancelled and finished,
//     and the doorbells of open steps. What is told is bounded by the newest point in time up to
//     which the bus surely has everything; parked and resumed are not told again.
//   - A store that was put back catches up with the bus before it opens a door (recovering.go,
//     scan.go, fold.go): cancelled sagas are cancelled, withdrawn requests withdrawn, those that
//     went further than the input of the core can say are held back, what may have been
//     suspended is brought back by hand alone, and what it does not know is named. Data keys
//     of what it does not know stay until somebody confirms, and those of what has ended until
//     the bus knows (sweep.go). See [Recovery].
//   - A running saga is always woken again (clock.go), also after a restart (recover.go).
//   - One orchestrator acts on a bus; whoever lost it answers, permits and publishes nothing
//     (lease.go).
//   - A pivot is let through only within the ceilings (brakes.go), by a clock that is
//     believed (trust.go), and acted on when the bus has its event (announce.go). Cancels and
//     holds are answered when the bus has them, or as not yet replicated (cancel.go, holds.go).
//   - Every saga that is touched is compared with all holds on record (holds.go).
//   - A request by attributes alone is bound to one user id that the systems name, or that an
//     operator names of those, before anything is touched (bind.go). If that person has
//     another saga it waits for its end, and looks once a minute whether that has come.
//   - Two sagas under way that hold two persons by one value, of which each has one, wait for
//     an operator before their pivots (owners.go).
//   - A request that cannot join waits in a saga of its own (queue.go); a plan that asks for
//     more by now is joined in before the pivot (replan.go).
//   - A saga whose box cannot be opened any more is permitted nothing, until a request for the
//     same subject brings what to seal anew (reseal.go).
//   - No personal value is in a log, a metric, a subject or an error. Identifiers are in
//     the sealed box and in the permit that is sent to the participant who needs them.
//
// Start with [New] and [Orchestrator.Run].
package orchestrator
