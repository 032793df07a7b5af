// Package cognito is a participant that deletes identities from a user pool of AWS
// Cognito: disable, global sign-out, unlink external providers, delete. It can also
// suspend an identity and bring it back.
//
// It is told whom to delete by identifiers of type [Username], which the account's
// database yields. It never looks anybody up by e-mail address or another attribute.
//
// # Whom it refuses to touch
//
// Cognito accepts an alias, such as an e-mail address, wherever it accepts a user name,
// and an alias can pass on to another person. So the identity that the pool returns must
// bear the very name, or the sub, that was asked for. With [Config.NeedSub] the task must
// bring the immutable sub as well, and it must be the identity's: set it wherever user
// names can be given out again.
//
// # What it counts as absent
//
// UserNotFoundException from a pool that exists and credentials that may look. A missing
// pool, a missing right or a wrong credential is Misconfigured. What was deleted is
// decided by looking again, not by the answer to the deletion.
//
// Access tokens stay valid until they expire for services that verify them locally. That
// is beyond this package.
package cognito
