// Package jumio is a participant that deletes verification images and their extracted
// data at Jumio: scans, authentications and documents, in the regions us, eu and sgp.
//
// It is told what to delete by identifiers of the types [Scan], [Authentication] and
// [Document]. A value is "region:reference", for example "eu:0d2f…", or a bare reference
// for the default region. References come from whoever stored them when the person was
// verified, usually the account's database.
//
// # Single items
//
// A request may name single transactions, written like the identifiers. One that is not
// among the person's identifiers is refused while it can be retrieved: it may be another
// person's. The vendor does not say when a transaction was made, so a cut-off narrows
// nothing here: what a request names existed when it was received.
//
// # What it counts as deleted
//
// Only retrieval tells. The vendor's 200 on a deletion is not believed until a retrieval
// answers 404, and a deletion that broke off or answered 5xx counts when it does. What is
// still retrievable is counted as left, whatever the vendor said.
//
// # What it counts as absent
//
// At Jumio a 404 means deleted, or wrong region, or another customer's credentials. A 404
// is absence only if this participant has seen the reference before: the baseline counted
// it, or an earlier attempt that was never reported may have deleted it. Otherwise it has
// to prove that it can see: configure a probe, the reference of a transaction without
// personal data that is kept for this purpose, for each region and kind. The probe must
// be retrievable, and the reference must be missing in every configured region. Without
// that it answers Misconfigured, and an operator looks.
package jumio
