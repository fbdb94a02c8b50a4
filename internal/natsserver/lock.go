package natsserver

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"todosync/connector"
)

// lockName is the file in StoreDir that says who has it open.
const lockName = "todosync.lock"

// lock takes the folder for this process. The kernel lets go of it when the process ends, however it ends, so a file
// left behind by a killed process locks nothing.
func lock(dir string) (*os.File, error) {
	path := filepath.Join(dir, lockName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, &connector.Error{
			Kind: connector.Unavailable, Op: "lock the NATS folder", Msg: "cannot write in " + dir,
			Hint: "check that the folder belongs to the user who runs todosync, and that the disk is not full", Err: err,
		}
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder := holder(f)
		_ = f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, &connector.Error{
				Kind: connector.Unavailable, Op: "lock the NATS folder", Msg: "cannot lock " + path,
				Hint: "the folder must be on a file system with locks, not on a network share without them", Err: err,
			}
		}
		return nil, &connector.Error{
			Kind: connector.Conflict, Op: "lock the NATS folder", Msg: dir + " is in use by " + holder,
			Hint: "stop that process first, or choose another folder by --data-dir",
		}
	}
	text := fmt.Sprintf("process %d since %s\n", os.Getpid(), time.Now().Format(time.RFC3339))
	if err := errors.Join(f.Truncate(0), writeAt(f, text)); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	return f, nil
}

func writeAt(f *os.File, text string) error {
	_, err := f.WriteAt([]byte(text), 0)
	return err
}

// holder is what the process that has the folder wrote about itself.
func holder(f *os.File) string {
	b, err := io.ReadAll(io.LimitReader(f, 200))
	if text := strings.TrimSpace(string(b)); err == nil && text != "" {
		return text
	}
	return "another process"
}
