package store

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheckLog harms a write-ahead log in every way that SQLite takes for its end. What was committed is never forgotten without a
// word, and what a power cut leaves is no damage.
func TestCheckLog(t *testing.T) {
	t.Parallel()
	db := openHere(t)
	const commits = 20
	for i := range commits {
		if err := db.writer.write(t.Context(), "put", putFact(fmt.Sprint(i), "v")); err != nil {
			t.Fatal(err)
		}
	}
	wal, err := os.ReadFile(db.cfg.Path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	const frame = frameHeader + 4096
	frames := (len(wal) - logHeader) / frame
	if frames < commits {
		t.Fatalf("%d frames for %d commits", frames, commits)
	}
	at := func(n int) int { return logHeader + n*frame }
	tests := map[string]struct {
		harm    func(b []byte) []byte
		damaged bool
		residue bool
	}{
		"nothing":                        {func(b []byte) []byte { return b }, false, false},
		"no log":                         {func([]byte) []byte { return nil }, false, false},
		"a bit of a page":                {func(b []byte) []byte { b[at(frames/2)+2000] ^= 4; return b }, true, true},
		"a bit of a frame's header":      {func(b []byte) []byte { b[at(frames/2)+17] ^= 4; return b }, true, true},
		"the salts of a frame":           {func(b []byte) []byte { b[at(frames/2)+9] ^= 4; return b }, true, true},
		"the log's header":               {func(b []byte) []byte { b[5] ^= 4; return b }, true, true},
		"the log's page size":            {func(b []byte) []byte { b[10] ^= 0x30; return b }, true, true},
		"the log's salts":                {func(b []byte) []byte { b[18] ^= 4; return b }, true, true},
		"zeros over a page":              {func(b []byte) []byte { clear(b[at(frames/2) : at(frames/2)+4096]); return b }, true, true},
		"the last frame is unfinished":   {func(b []byte) []byte { return b[:at(frames)-100] }, false, false},
		"the last commit's page is torn": {func(b []byte) []byte { b[at(frames-1)+3000] ^= 4; return b }, false, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "x.db")
			if b := tt.harm(bytes.Clone(wal)); b != nil {
				if err := os.WriteFile(file+"-wal", b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			residue, err := checkLog(file)
			if damaged := err != nil; damaged != tt.damaged || damaged && !strings.Contains(err.Error(), "is damaged after its frame") {
				t.Errorf("damaged %t: %v", damaged, err)
			}
			if err == nil && residue != tt.residue {
				t.Errorf("residue %t", residue)
			}
		})
	}
}
