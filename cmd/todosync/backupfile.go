package main

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"todosync/connector"
	"todosync/store"
)

// A backup is a tar archive: the database, then a manifest that says what it is and what its bytes must add up to. Who has only a part of
// it has no manifest.
const (
	backupStore    = "todosync.db"
	backupManifest = "manifest.json"
	backupFormat   = 1
	// backupTemp is how the files begin that a backup is made in.
	backupTemp = ".backup-"
)

// A manifest says what is in a backup.
type manifest struct {
	Format  int       `json:"format"`
	Made    time.Time `json:"made"`
	Version string    `json:"version"` // of the program that made it
	Size    int64     `json:"size"`    // of the database, in bytes
	SHA256  string    `json:"sha256"`  // of the database
	store.Copy
}

// writeBackup writes the archive of a copy of the database.
func writeBackup(w io.Writer, path string, m manifest) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	archive := tar.NewWriter(w)
	head := tar.Header{Name: backupStore, Mode: 0o600, Size: info.Size(), ModTime: m.Made}
	if err := archive.WriteHeader(&head); err != nil {
		return err
	}
	sum := sha256.New()
	if _, err := io.Copy(io.MultiWriter(archive, sum), f); err != nil {
		return err
	}
	m.Format, m.Size, m.SHA256 = backupFormat, info.Size(), hex.EncodeToString(sum.Sum(nil))
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	head = tar.Header{Name: backupManifest, Mode: 0o600, Size: int64(len(text)), ModTime: m.Made}
	if err := archive.WriteHeader(&head); err != nil {
		return err
	}
	if _, err := archive.Write(text); err != nil {
		return err
	}
	return archive.Close()
}

// readBackup reads an archive to its end, puts the database where it is wanted, and checks that it is whole.
func readBackup(r io.Reader, into io.Writer) (m manifest, err error) {
	archive := tar.NewReader(r)
	sum, size, found := sha256.New(), int64(0), false
	for {
		head, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return m, brokenBackup("it is no backup of todosync, or was cut off", err)
		}
		switch head.Name {
		case backupStore:
			if size, err = io.Copy(io.MultiWriter(into, sum), archive); err != nil {
				return m, brokenBackup("it was cut off", err)
			}
		case backupManifest:
			text, err := io.ReadAll(io.LimitReader(archive, 64<<20))
			if err == nil {
				err = json.Unmarshal(text, &m)
			}
			if err != nil {
				return m, brokenBackup("its manifest cannot be read", err)
			}
			found = true
		}
	}
	switch {
	case !found:
		return m, brokenBackup("it has no manifest: it was cut off, or is no backup of todosync", nil)
	case m.Format > backupFormat:
		return m, brokenBackup(fmt.Sprintf("it is of format %d, and this program knows %d at most", m.Format, backupFormat), nil)
	case m.Size != size || m.SHA256 != hex.EncodeToString(sum.Sum(nil)):
		return m, brokenBackup("its bytes are not those that it was made of", nil)
	}
	_, err = io.Copy(io.Discard, r) // what a tar ends with
	return m, err
}

func brokenBackup(why string, err error) error {
	return &connector.Error{
		Kind: connector.Invalid, Op: "read the backup", Msg: "the backup cannot be used: " + why, Hint: "Take another one.", Err: err,
	}
}

// clearBackups removes what a backup was made in when the process ended.
func clearBackups(dir string, log *slog.Logger) {
	left, err := filepath.Glob(filepath.Join(dir, backupTemp+"*"))
	for _, path := range left {
		err = errors.Join(err, os.Remove(path))
	}
	if err != nil {
		log.Warn("what is left of a backup could not be removed", "error", err)
	}
}
