package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"todosync/connector"
)

func TestStoreKey(t *testing.T) {
	t.Parallel()
	quiet := slog.New(slog.DiscardHandler)
	hexKey := strings.Repeat("0f", keySize)
	tests := map[string]struct {
		text  string // of the file; empty: none
		store bool
		want  []byte // nil with kind OK: a new one
		kind  connector.ErrorKind
		bad   bool
	}{
		"a new folder":            {},
		"hexadecimal":             {text: hexKey, store: true, want: bytes.Repeat([]byte{0x0f}, keySize)},
		"the key is gone":         {store: true, bad: true, kind: connector.NotFound},
		"too short":               {text: "c2hvcnQ=", bad: true, kind: connector.Invalid},
		"neither Base64 nor hex":  {text: "!!!", bad: true, kind: connector.Invalid},
		"an empty file is no key": {text: " ", store: true, bad: true, kind: connector.Invalid},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file, db := filepath.Join(dir, "key"), filepath.Join(dir, "todosync.db")
			if tt.text != "" {
				write(t, file, tt.text)
			}
			if tt.store {
				write(t, db, "x")
			}
			keys, err := readKeys(file, db, quiet)
			var got []byte
			if len(keys.keys) > 0 {
				got = keys.keys[0]
			}
			if tt.bad {
				if err == nil || connector.KindOf(err) != tt.kind {
					t.Fatalf("got %v, want kind %v", err, tt.kind)
				}
				if tt.text == "" {
					if _, err := os.Stat(file); err == nil {
						t.Error("a new key was written beside an old store")
					}
				}
				return
			}
			if err != nil || len(got) != keySize || (tt.want != nil && !bytes.Equal(got, tt.want)) {
				t.Fatalf("got %x, %v", got, err)
			}
			again, err := readKeys(file, db, quiet)
			if err != nil || len(again.keys) != 1 || !bytes.Equal(got, again.keys[0]) {
				t.Errorf("the next start reads %x, %v; want %x", again.keys, err, got)
			}
			if st, err := os.Stat(file); err != nil || (tt.text == "" && st.Mode().Perm() != 0o600) {
				t.Errorf("the file: %v, %v", st.Mode(), err)
			}
		})
	}
}

func TestAdminToken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	quiet := slog.New(slog.DiscardHandler)
	first, err := adminToken(dir, quiet)
	if err != nil || len(first) < 40 {
		t.Fatalf("got %q, %v", first, err)
	}
	if again, err := adminToken(dir, quiet); err != nil || again != first {
		t.Errorf("the next start reads %q, %v", again, err)
	}
	write(t, filepath.Join(dir, adminTokenFile), "short")
	if _, err := adminToken(dir, quiet); connector.KindOf(err) != connector.Invalid || err == nil {
		t.Errorf("a short token gives %v", err)
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
