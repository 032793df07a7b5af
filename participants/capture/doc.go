// Package capture is a participant that deletes profiles at Janrain Capture, which is now
// the registration service of Akamai Identity Cloud: entity to look, entity.delete to
// delete, entity once more to see. The API is described at techdocs.akamai.com/identity-cloud,
// its error codes under "Registration error codes".
//
// It is told whom to delete by one or more of [ByUUID], [ByKey] and [ByAccessToken]. The
// uuid is the best of them: it is never given out again. A key is an attribute that the
// schema keeps unique, such as the id of the account; it must not be one that passes on to
// other people, such as an e-mail address. A profile that a key leads to must have that very
// value, byte by byte.
//
// An access token is only good for finding the uuid while the request is new. It ends with
// the deletion, if not within the hour, and shows nothing afterwards, so [Config.YieldUUID]
// is needed with it: what is erased and counted later goes by the uuid.
//
// # What it counts as deleted
//
// Capture answers with HTTP status 200 to nearly everything, and says in the body whether
// that is a success. Neither is believed: a profile is deleted when a lookup no longer finds
// it, and a deletion whose answer was lost counts when it does.
//
// # What it counts as absent
//
// Code 310, record_not_found, in an answer with status 200: the client was let in, may read,
// and the type of entity exists. Everything else is an error. A client that is unknown or may
// not look, and a type or an attribute that is not there, are Misconfigured; so is a token
// that has ended, unless all that was counted at resolve is known by uuid.
//
// # What it cannot do
//
// It does not suspend: that would go by attributes that each schema has or has not. The
// client's right to delete shows only when it deletes.
package capture
