// Package participantstest is for those who write a participant.
//
// [Run] is the conformance suite: every participant passes it before it is trusted with a
// person. [Do] carries out one verb the way a worker does and returns the report on it.
// [Orchestrator] is a bus in memory with an orchestrator behind it that answers as the test
// says; it keeps the contract of the wire, but no state of a saga. Its timers are those of
// package time, so that it runs inside a testing/synctest bubble.
//
// [Remote.Check] holds a worker that runs somewhere, in any language, to what its participant
// owes and to what the worker owes around it, over a real bus.
package participantstest
