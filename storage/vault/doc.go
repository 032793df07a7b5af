// Package vault seals what is personal before it reaches a store, and forgets it for good.
//
// Each saga has a data key of its own. [Keys] holds them in one file, wrapped by a
// key-encryption key ([KEK]) that lives elsewhere, beside the keys of the pseudonyms.
// [Keys.Seal] turns [Contents] into a box that any store may keep; once [Keys.Destroy] has
// returned, no copy of that box can be opened any more, wherever it still rests.
//
// The order around the commit of a batch is what makes this safe:
//
//  1. [Keys.Create] for the batch's new sagas: on disk when it returns.
//  2. The store's Commit, with the sealed boxes.
//  3. [Keys.Destroy] for the sagas that have ended, when others know of it.
//
// A process that dies between 1 and 2, or between 2 and 3, leaves keys that no live saga
// needs; [Keys.Sweep] destroys them at the next start. A live saga lacks its key only if
// another file took the place of this one; a key that was made for it anew, by a process that
// died before the box was committed, opens nothing until the next request seals that.
//
// Destroyed means overwritten in place and synced. A file system that keeps old blocks
// (copy on write, snapshots, flash) may still hold the wrapped key; that copy ends with
// the rotation of the key-encryption key, and so do backups of the file.
//
// # File
//
// All numbers are big-endian. The file begins with the header, twice, of 2,048 bytes each;
// the valid copy with the higher sequence number counts:
//
//	magic "EXPKEYS" and format 1 | sequence 8 | file id 16 | KEK generation 4
//	canary: nonce 12, sealed 16+16 | number of hash keys 4
//	each hash key: version 4, nonce 12, wrapped 32+16 | zeros | SHA-256 of the above 32
//
// From byte 4,096 on there are slots of 128 bytes, which never straddle a disk sector. A
// free one is zero, one whose checksum does not fit counts as torn, and as absent:
//
//	1 | id length 1 | id 40 | KEK generation 4 | nonce 12 | wrapped 32+16 | zeros 6
//	first half of the SHA-256 of the above 16
//
// Keys are wrapped with AES-256-GCM; the associated data is the purpose, a zero byte, the
// file id, and the saga's id (or the hash key's version). A slot counts if its KEK
// generation is the header's: so a rotation goes slot by slot, beside the old ones, and the
// header's change is the one moment at which it has happened.
package vault
