// Package saga is the pure core of Expunge: the rules by which one erasure moves from a
// request to a summary. It does no I/O, reads no clock, starts no goroutine, draws no
// random number and logs nothing, so every decision can be replayed and tested.
//
// [Next] takes the frozen plan, the state, one input and the time, and returns the new
// state with the effects that follow from it. The contract with the shell around it:
//
//  1. Inputs of one saga pass Next one after the other; each sees the state that the one
//     before it returned.
//  2. The entries of [Record] effects are committed, with the state, before any other
//     effect of the same call is carried out. If the commit fails, none of them is.
//  3. [Grant], [Deny] and [Receive] answer the claim or report that was the input. [Ring]
//     and [Emit] go into the outbox, in the same commit, and leave it when the bus has
//     acknowledged them; carrying one out twice is harmless, losing one is not. A plan that
//     comes with [Bind] is stored in the same commit.
//  4. [AskPivot] is answered, before anything else happens to the saga, with [Cleared] or
//     with [Braked]: what only the shell can know (ceilings, the clock, a restored backup)
//     is looked at there. When the bus has the event of the pivot, [Announced] follows, in
//     the commit that takes the event from the outbox. Nothing is erased before.
//     [AskSubject] is answered likewise, with [Bound] if the person has no other saga,
//     live or queued, and with [Taken] if they have; the saga has the subject's slot from
//     that commit on, and is under the holds on the subject.
//  5. A claim or report sees every hold that lies on the saga: the shell feeds [HoldPlaced]
//     and [HoldReleased] before it.
//  6. A report of prepared is answered with the undo value that counts only after the value
//     is sealed in the same commit.
//  7. The shell calls Next with [Woke] no later than [State.Wake] says, with [Recovered]
//     once for each live saga after a restart, and with [Begin] for a queued saga in the
//     commit that ends the one in its way.
//
// A request may bring attributes of a person without the user id (bind.go): its saga is
// unbound until those who can be asked by them have all named one and the same user id, or
// an operator said which. Nothing but resolve steps opens before, nor before everything that
// shares are erased by is known to be that person's (vouch.go).
//
// A saga whose box was lost goes on by what a request for the same subject brings (reseal.go):
// everybody is looked at again, also past the pivot, and what nobody names any more is a doubt.
//
// The way of a saga, and what leads from one phase to the next:
//
//	resolving   an unbound saga finds whom it is about; nobody knows: not_found
//	resolving   everybody counts and names what others need; nobody knows: not_found
//	suspending  shares are made unusable, each as soon as what it needs is known
//	grace       time for a cancel
//	resolving   once more, if anything gave time for something new to come to be
//	            -- the pivot: one entry, asked for and let through --
//	erasing     in the order of the plan; an edge is met by a count of zero
//	verifying   everybody is counted, and again after the quiet time; what is left reopens
//	restoring   instead of all that, after a cancel before the pivot
//
// The state is the fold of its history: Fold(entries) equals the state that Next returned,
// and the head of the hash chain over the entries is part of it.
//
// Nothing in here is personal data: subjects, requests and identifiers are keyed hashes
// that the shell made; the values are sealed elsewhere.
package saga
