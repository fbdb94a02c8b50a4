package store

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"sync"

	"todosync/connector"
)

// keySize is the size of the key that seals secrets: AES-256.
const keySize = 32

// keyMark is what the database keeps, sealed, so that a wrong key is found at the start and not at the first delivery. It tells, too, which
// of several keys seals: the one that opens it.
const keyMark = "todosync"

// keyPlace is what the mark is bound to.
const keyPlace = "facts/key"

// sealVersion begins each sealed value, so that another way of sealing can follow.
const sealVersion = "v1:"

// A ring holds the keys that open what is sealed. One of them seals.
type ring struct {
	mu    sync.RWMutex // guards what follows
	boxes []cipher.AEAD
	seals int // index of the one that seals
}

func newBox(key []byte) (cipher.AEAD, error) {
	if len(key) != keySize {
		return nil, fmt.Errorf("open store: a key has %d bytes; want %d", len(key), keySize)
	}
	b, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(b)
}

// set takes keys in place of those that there are. Whichever sealed goes on to, if the mark says so.
func (r *ring) set(keys [][]byte, mark []byte) error {
	boxes := make([]cipher.AEAD, len(keys))
	for i, key := range keys {
		var err error
		if boxes[i], err = newBox(key); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.boxes, r.seals = boxes, 0
	r.followLocked(mark)
	return nil
}

// follow has the key seal that opens the mark. It reports false where none does.
func (r *ring) follow(mark []byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.followLocked(mark)
}

func (r *ring) followLocked(mark []byte) bool {
	for i, b := range r.boxes {
		if text, err := open(b, keyPlace, mark); err == nil && text == keyMark {
			r.seals = i
			return true
		}
	}
	return false
}

// first reports whether a value was sealed with the first key.
func (r *ring) first(place string, sealed []byte) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	_, err := open(r.boxes[0], place, sealed)
	return err == nil
}

func (r *ring) seal(place, value string) []byte {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return sealWith(r.boxes[r.seals], place, value)
}

// sealFirst seals with the first key, whichever seals otherwise.
func (r *ring) sealFirst(place, value string) []byte {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return sealWith(r.boxes[0], place, value)
}

func (r *ring) unseal(place string, sealed []byte) (string, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	text, err := open(r.boxes[r.seals], place, sealed)
	for i := 0; err != nil && i < len(r.boxes); i++ {
		text, err = open(r.boxes[i], place, sealed)
	}
	return text, err
}

func sealWith(b cipher.AEAD, place, value string) []byte {
	return b.Seal([]byte(sealVersion), nil, []byte(value), []byte(place))
}

func open(b cipher.AEAD, place string, sealed []byte) (string, error) {
	rest, ok := bytes.CutPrefix(sealed, []byte(sealVersion))
	if !ok {
		return "", errors.New("sealed by another release")
	}
	text, err := b.Open(nil, nil, rest, []byte(place))
	return string(text), err
}

// seal encrypts a value that stands in a place: moved to another place it does not open.
func (d *DB) seal(place, value string) []byte { return d.ring.seal(place, value) }

// unseal opens a value with any of the keys. Where none does, the keys are read anew: another process may have been given one.
func (d *DB) unseal(place string, sealed []byte) (string, error) {
	text, err := d.ring.unseal(place, sealed)
	if err == nil || d.rereadKeys() != nil {
		return text, err
	}
	return d.ring.unseal(place, sealed)
}

// rereadKeys takes the keys as they are given now.
func (d *DB) rereadKeys() error {
	if d.cfg.Keys == nil {
		return nil
	}
	keys, err := d.cfg.Keys()
	if err != nil {
		return err
	}
	if len(keys) == 0 {
		return errors.New("there is no key")
	}
	d.markMu.Lock()
	defer d.markMu.Unlock()
	return d.ring.set(keys, d.mark)
}

// readMark reads the mark and has the key seal that opens it.
func (d *DB) readMark(t *tx) (known bool, err error) {
	var mark []byte
	err = t.read(`SELECT value FROM facts WHERE name = 'key'`, nil, func(r row) error { mark = r.blob(0); return nil })
	if err != nil || mark == nil {
		return false, err
	}
	d.keepMark(mark)
	if !d.ring.follow(mark) {
		return true, &connector.Error{
			Kind: connector.Conflict, Op: "open store", Msg: "the key does not open this database's secrets",
			Hint: "give the key file that was there when the database was made, or that its key was changed to (--key-file)",
		}
	}
	return true, nil
}

func (d *DB) keepMark(mark []byte) {
	d.markMu.Lock()
	defer d.markMu.Unlock()
	d.mark = mark
}

// checkKey refuses a key that is not the one the database was made with.
func (d *DB) checkKey(ctx context.Context) error {
	return d.writer.write(ctx, "open store", func(t *tx) error {
		known, err := d.readMark(t)
		if err != nil || known {
			return err
		}
		mark := d.ring.sealFirst(keyPlace, keyMark)
		if err := t.run(`INSERT INTO facts (name, value) VALUES ('key', ?)`, mark); err != nil {
			return err
		}
		t.done(func() { d.keepMark(mark) })
		return nil
	})
}
