// Package s3 is a participant that deletes what object storage holds of a person: images,
// documents, exports. It speaks the protocol of Amazon S3 (its API Reference, version
// 2006-03-01), which other stores speak too.
//
// Where the person's objects are is declared as a list of [Place]: a prefix, or one key, in a
// bucket. Nothing else is read or changed.
//
// # What goes
//
// All versions of an object, its delete markers, and uploads that were begun and never
// finished; in a bucket without versions, the objects. A deletion without a version would
// only hide an object behind a marker, and is never made. Markers and uploads are counted as
// well: the key that they hold may name the person.
//
// An answer to a deletion proves nothing: what is gone is what a second listing does not
// show. So one who deletes the same share at the same time in another process counts the same
// things; within a process one waits for the other.
//
// Single keys can be named in a request, with all that is under them; a key in none of the
// person's places is refused. What a store says was written after a request's cut-off, or in
// its second, is left.
//
// # What is never done
//
// A person's value is put into a key as it is; the protocol knows no patterns. A prefix is
// taken only where the delimiter follows the value, so that "1/" never finds what is below
// "10/", and a value that holds the delimiter is refused. Locks are not bypassed.
//
// # What it counts as absent
//
// A listing that shows nothing, of a bucket that exists, by credentials that may list
// versions and uploads there. A missing bucket or right, wrong credentials, a store that cannot
// list versions or uploads, and an answer that is no listing, are Misconfigured.
//
// # What must be kept
//
// An object under a retention or a legal hold is Retained until the date of its lock, on
// [Place.Ground], after everything else was deleted. A legal hold has no date.
//
// # Rights
//
// On the buckets s3:ListBucketVersions and s3:ListBucketMultipartUploads, on the objects
// s3:DeleteObject, s3:DeleteObjectVersion, s3:AbortMultipartUpload, and, where objects may be
// locked, s3:GetObjectRetention and s3:GetObjectLegalHold. It never reads an object. Copies
// that the store made elsewhere (replication, backups) are beyond this package.
package s3
