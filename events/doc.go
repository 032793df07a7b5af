// Package events is the wire contract of Expunge: every message that crosses the bus,
// its CloudEvents envelope, its subject and its JSON Schema.
//
// It depends on the standard library only, so that a worker or a source can link it
// without linking a NATS client, a server or a store.
//
// Start with [Request] and [Summary], the two ends of an erasure; the messages between
// them are [Command], [Claim], [Permit] or [Refusal], [Report] and [Receipt], in that
// order. [Encode] and [Decode] carry each of them in a CloudEvents 1.0 envelope; the
// README beside this file shows the bytes of one complete exchange.
//
// Personal values are of type [Private]: they print as [redacted] in fmt, slog and
// encoding/json. Only [Encode] writes them out, and only [Private.Reveal] returns them.
package events
