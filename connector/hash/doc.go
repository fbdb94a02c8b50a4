// Package hash makes the hashes that OAs want requests signed with, by the names that settings and scripts know them by.
//
// It is for one thing: a name such as hmac-sha256, a key and some bytes go in, the hash comes out, as bytes or written in
// hexadecimal digits or Base64. Some of the hashes are broken as such (MD5, SHA-1); an OA that asks for them gets them,
// and nothing of ours relies on them. SM3 is the Chinese standard GB/T 32905.
//
// It is not for passwords, not for random values, and not for the ids of the store; it knows nothing of requests,
// templates or secrets, and keeps none.
//
// Its invariant: the same input gives the same hash everywhere; the known answers of the standards are its tests.
//
// Package connector calls it for sign settings, package connector/script for the functions that scripts have.
package hash
