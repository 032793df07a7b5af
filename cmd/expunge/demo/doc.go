// Package demo runs everything in one process, for trying out: bus, orchestrator, eight
// workers, and the systems of a thousand invented people, with look-alikes of the vendors.
// Start with [Open]. Both expunge demo and expunge dev run on it, through the same parts
// as expunge serve and expunge worker.
package demo
