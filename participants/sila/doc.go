// Package sila is a participant that deletes registration data at Sila: the e-mail
// addresses, phone numbers, street addresses and identities (SSN or EIN) of end users. The
// API is the vendor's "Delete registration data", version 0.2, with what its pages on
// get_entity, check_handle, check_kyc, get_verifications and auth_token say.
//
// It is told whose data by identifiers of the type [Handle], the user handles at Sila,
// which come from whoever registered the person, usually the account's database. The
// UUIDs that a deletion names are read from get_entity, at every attempt anew.
//
// # Credentials
//
// Either OAuth2 with a client id and secret, which is what Sila asks of new customers, or
// ECDSA signatures over the exact bytes of each body. A signature of the user's own is
// needed then: by one key that is registered with every user, or by a key that comes with
// the person as an identifier of the type [Key], "handle:key" or the key alone. Where a
// plan erases private keys, this participant has to come before.
//
// # What it counts as deleted
//
// Only get_entity tells. The vendor's 200 on a deletion is not believed until the UUID is
// missing there, and a deletion that broke off or was refused counts when it is. At Sila a
// deletion of what is gone succeeds too; of two that race, in two processes, both may
// count it.
//
// # What it counts as absent
//
// An entity outlives its registration data, so that a handle that nobody has is strange:
// another environment, or another app. It is absence only if a probe is configured, a
// handle that is registered for good, and check_handle says that the probe is taken and
// the person's handle is free. Otherwise it answers Misconfigured, and an operator looks.
// An answer of get_entity that lacks one of the four lists is an error and never a zero.
//
// # Identities
//
// Sila refuses to delete an identity once verification has passed, and while it is under
// way. The refusal has no code of its own, so the state of the verification is asked for
// afterwards: passed is Retained, on the configured ground and only when nothing else is
// left; pending is RetryAfter until the erasure is due, and Retained then; anything else needs an
// operator.
//
// # Single items
//
// A request may name items by their UUIDs. One that get_entity does not list for the
// person is never touched. Of items that were added in the second of a cut-off or later
// nothing is deleted: Sila tells seconds, and a deletion cannot be taken back.
package sila
