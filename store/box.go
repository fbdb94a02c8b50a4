package store

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"

	"todosync/connector"
)

// keySize is the size of the key that seals secrets: AES-256.
const keySize = 32

// keyMark is what the database keeps, sealed, so that a wrong key is found at the start and not at the first delivery.
const keyMark = "todosync"

// sealVersion begins each sealed value, so that another way of sealing can follow.
const sealVersion = "v1:"

func newBox(key []byte) (cipher.AEAD, error) {
	b, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(b)
}

// seal encrypts a value that stands in a place: moved to another place it does not open.
func (d *DB) seal(place, value string) []byte {
	return d.box.Seal([]byte(sealVersion), nil, []byte(value), []byte(place))
}

func (d *DB) unseal(place string, sealed []byte) (string, error) {
	rest, ok := bytes.CutPrefix(sealed, []byte(sealVersion))
	if !ok {
		return "", errors.New("sealed by another release")
	}
	b, err := d.box.Open(nil, nil, rest, []byte(place))
	return string(b), err
}

// checkKey refuses a key that is not the one the database was made with.
func (d *DB) checkKey(ctx context.Context) error {
	const op = "open store"
	return d.writer.write(ctx, op, func(t *tx) error {
		var mark []byte
		err := t.read(`SELECT value FROM facts WHERE name = 'key'`, nil, func(r row) error { mark = r.blob(0); return nil })
		if err != nil {
			return err
		}
		if mark == nil {
			return t.run(`INSERT INTO facts (name, value) VALUES ('key', ?)`, d.seal("facts/key", keyMark))
		}
		if text, err := d.unseal("facts/key", mark); err != nil || text != keyMark {
			return &connector.Error{
				Kind: connector.Conflict, Op: op, Msg: "the key does not open this database's secrets",
				Hint: "give the key file that was there when the database was made (--key-file)",
			}
		}
		return nil
	})
}
