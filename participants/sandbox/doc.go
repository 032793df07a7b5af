// Package sandbox holds look-alikes of the vendors: [Jumio], [Cognito], [Sila] and
// [Capture]. They are for trying out, for the demo and for tests, and never for production.
//
// A look-alike speaks the vendor's wire format, checks credentials and headers, keeps
// state and neighbours, and keeps a ledger of what was really removed, when, and how
// often that was attempted. With a journal file the state and the ledger survive a kill
// of the process: every change is synced to the file before it is answered. [Fault]
// switches make it slow, refuse, lie, or cut the line after the effect.
//
// What is simpler than the vendor: plain HTTP instead of TLS; Jumio's error bodies and
// its answer for a pending transaction are ours, because the vendor does not specify
// them; Cognito's signatures are verified for requests signed in the headers, which is
// what the AWS SDKs send, and there are no temporary credentials; Sila's texts of errors are
// ours, as are its 404 for a handle that nobody has and its refusal of a reference that was
// used before; Capture's profiles have nothing but unique attributes, and its clients do not
// sign.
//
// Each look-alike is an [net/http.Handler]. Beside the vendor's paths it serves, for people,
// GET /sandbox/ledger, PUT and DELETE /sandbox/faults, and GET and PUT /sandbox/stored: a PUT of
// a list of things to be kept adds to what is stored. [Vendors] are all of them behind one
// address, which is what expunge sandbox serves.
package sandbox
