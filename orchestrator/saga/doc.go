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
//     acknowledged them; carrying one out twice is harmless, losing one is not.
//  4. The shell calls Next with [Woke] no later than [State.Wake] says, and with
//     [Recovered] once for each live saga after a restart.
//
// The state is the fold of its history: Fold(plan, entries) equals the state that Next
// returned, and the head of the hash chain over the entries is part of it.
//
// Nothing in here is personal data: subjects, requests and identifiers are keyed hashes
// that the shell made; the values are sealed elsewhere.
package saga
