package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"todosync/connector"
)

// lockFile is the file in a data folder whose lock says that a process works on it. The lock is the kernel's, so that it ends
// with the process however that ends; the text in the file only says who it is.
const lockFile = "todosync.lock"

// A holder is the process that works on a data folder.
type holder struct {
	PID   int       `json:"pid"`
	Since time.Time `json:"since"`
}

// lockFolder makes the data folder where it is missing and takes its lock, or says who has it.
func lockFolder(dir string, now time.Time) (*folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, &connector.Error{
			Kind: connector.Unavailable, Op: "open the data folder",
			Msg: "cannot make the data folder " + dir, Hint: "Name another with --data-dir, or make it writable.", Err: err,
		}
	}
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, &connector.Error{
			Kind: connector.Unavailable, Op: "open the data folder",
			Msg: "cannot write to the data folder " + dir, Hint: "Name another with --data-dir, or make it writable.", Err: err,
		}
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer func() { _ = f.Close() }()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock the data folder %s: %w", dir, err)
		}
		return nil, &connector.Error{
			Kind: connector.Conflict, Op: "open the data folder",
			Msg:  "the data folder " + dir + " is in use by " + readHolder(f),
			Hint: "Stop that process first, or name another folder with --data-dir.",
		}
	}
	text, err := json.Marshal(holder{PID: os.Getpid(), Since: now.UTC().Truncate(time.Second)})
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = f.WriteAt(append(text, '\n'), 0)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("write %s: %w", f.Name(), err), f.Close())
	}
	mine, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &folder{dir: dir, lock: f, opens: map[string]os.FileInfo{f.Name(): mine}}, nil // the lock ends when the file is closed
}

func readHolder(f *os.File) string {
	var h holder
	if err := json.NewDecoder(f).Decode(&h); err != nil || h.PID == 0 {
		return "another process"
	}
	return fmt.Sprintf("process %d since %s", h.PID, h.Since.Local().Format("2006-01-02 15:04:05"))
}
