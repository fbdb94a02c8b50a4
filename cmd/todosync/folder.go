package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"sync"
	"syscall"
	"time"

	"todosync/connector"
)

// folderEvery is how often the data folder is looked at. It is removed when two looks in a row say so.
const folderEvery = 250 * time.Millisecond

// A folder is the data folder as this process opened it. Files that are removed or replaced under a process go on taking what it
// writes, and nobody ever sees that again: so whether they are still in their places is looked at all the time.
type folder struct {
	dir  string
	lock *os.File

	mu    sync.Mutex // guards opens
	opens map[string]os.FileInfo
}

// keep has lost look at a file, too, which is open from now on.
func (f *folder) keep(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opens[path] = info
	return nil
}

// lost says that the folder is not the one that was opened any more; nil: it is, or it cannot be told.
func (f *folder) lost() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for path, opened := range f.opens {
		now, err := os.Stat(path)
		away := errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
		if away || (err == nil && !os.SameFile(opened, now)) {
			return &connector.Error{
				Kind: connector.Unavailable, Op: "look at the data folder",
				Msg:  "the data folder " + f.dir + " was removed or replaced under this process (" + path + "); nothing can be kept",
				Hint: "Put it back and start again.",
			}
		}
	}
	return nil
}

// watch returns when the folder is lost, with how, or when ctx ends, with nil.
func (f *folder) watch(ctx context.Context) error {
	ticker := time.NewTicker(folderEvery)
	defer ticker.Stop()
	for before := false; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		err := f.lost()
		if err != nil && before {
			return err
		}
		before = err != nil
	}
}

// Close lets another process have the folder.
func (f *folder) Close() error { return f.lock.Close() }
