package main

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"todosync/connector"
)

// The files that a data folder holds beside the store and the stream.
const (
	adminTokenFile = "admin-token"
	keyFile        = "key"
	storeFile      = "todosync.db"
	streamFolder   = "nats"
	markFile       = "stream.mark"
)

// keySize is the length in bytes of the key that secrets are encrypted with (AES-256).
const keySize = 32

// adminToken reads the token of the admin, made at the first start.
func adminToken(dir string, log *slog.Logger) (string, error) {
	name := filepath.Join(dir, adminTokenFile)
	text, err := secretFile(name, log)
	if errors.Is(err, os.ErrNotExist) {
		token := "tsa_" + hex.EncodeToString(random(keySize))
		return token, writeNew(name, token)
	}
	if err != nil {
		return "", err
	}
	if len(text) < 16 {
		return "", &connector.Error{
			Kind: connector.Invalid, Op: "read the admin token",
			Msg: name + " holds no token of 16 characters or more", Hint: "Remove the file; the next start makes a new token.",
		}
	}
	return text, nil
}

// replacedMark stands in a key file above keys that are being replaced: they are taken out of it when nothing is sealed with them any
// more.
const replacedMark = "# being replaced: todosync takes what follows away when nothing is encrypted with it any more"

// storeKeys are the keys of the store, as a key file or the environment gives them: the first is today's, the others open what was
// sealed with them.
type storeKeys struct {
	keys      [][]byte
	replacing bool // a change of the key was begun, and is to be ended
}

// readKeys reads the keys of the store. A key file is made where neither it nor the store is there yet: a new key beside an old store would
// make all its secrets unreadable without a word.
func readKeys(name, store string, log *slog.Logger) (storeKeys, error) {
	text, err := secretFile(name, log)
	if errors.Is(err, os.ErrNotExist) {
		if _, err := os.Stat(store); err == nil {
			return storeKeys{}, &connector.Error{
				Kind: connector.NotFound, Op: "read the key",
				Msg:  "the store " + store + " is there, but its key file " + name + " is not",
				Hint: "Bring the key file back (from a backup, or with --key-file): without it no secret in the store can be read.",
			}
		}
		key := random(keySize)
		return storeKeys{keys: [][]byte{key}}, writeNew(name, base64.StdEncoding.EncodeToString(key))
	}
	if err != nil {
		return storeKeys{}, err
	}
	return parseKeys(text, name)
}

// parseKeys reads keys, one a line or with commas between them. Lines that begin with # are comments.
func parseKeys(text, from string) (storeKeys, error) {
	var out storeKeys
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "#") {
			out.replacing = out.replacing || line == replacedMark && len(out.keys) > 0
			continue
		}
		for one := range strings.FieldsFuncSeq(line, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }) {
			key, err := hex.DecodeString(one)
			if err != nil {
				key, err = base64.StdEncoding.DecodeString(one)
			}
			if err != nil || len(key) != keySize {
				return out, noKey(from)
			}
			out.keys = append(out.keys, key)
		}
	}
	if len(out.keys) == 0 {
		return out, noKey(from)
	}
	return out, nil
}

func noKey(from string) error {
	return &connector.Error{
		Kind: connector.Invalid, Op: "read the key",
		Msg:  from + " holds no key: want 32 bytes, written as Base64 or hexadecimal",
		Hint: "Bring the right file back, or name it with --key-file.",
	}
}

// secretFile reads a file that only its owner should read, and says so where others can.
func secretFile(name string, log *slog.Logger) (string, error) {
	st, err := os.Stat(name)
	if err != nil {
		return "", err
	}
	if st.Mode().Perm()&0o077 != 0 {
		log.Warn("a secret file can be read by others: chmod 600 it", "file", name, "mode", st.Mode().Perm().String())
	}
	b, err := os.ReadFile(name)
	return strings.TrimSpace(string(b)), err
}

// writeNew writes a secret file whole or not at all, so that a crash leaves no half a key.
func writeNew(name, text string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	_, err = f.WriteString(text + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", name, err), os.Remove(f.Name()))
	}
	return syncFolder(filepath.Dir(name))
}

// syncFolder makes a rename in the folder survive a power cut.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program instead
	return b
}
