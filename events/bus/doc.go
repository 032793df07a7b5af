// Package bus carries the messages of package events over NATS: Watermill publishers and
// subscribers on JetStream, request/reply endpoints, and a client for sources.
//
// It promises:
//
//   - A connection never gives up by itself, and says when it is down: see [Connect].
//   - What was published is stored, or the caller has an error: see [Publisher].
//   - A message that was taken is acknowledged by its handler or delivered again, never
//     lost on a time-out, a close or undecodable content: see [Subscriber].
//   - An endpoint answers only to reply subjects that cannot be someone else's: see [Serve].
//   - A participant or a source sees and reaches its own subjects alone: see [ServerConfig].
//
// Sources start with [Connect] and [NewClient]. Workers start with [Connect],
// [NewCommandSubscriber] and [Ask]. The orchestrator owns all streams: [Provision].
//
// The server itself is in package embedded, so that nothing else links it.
package bus
