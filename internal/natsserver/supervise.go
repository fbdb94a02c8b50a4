package natsserver

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"todosync/connector"
)

// How long the supervisor waits before it starts nats-server again: growing, never giving up.
const (
	firstWait = 250 * time.Millisecond
	longWait  = 5 * time.Second
	// settled is how long a server must have run well for the waits to begin anew.
	settled = time.Minute
)

// probeSize is what must fit on the disk before another start, in bytes: more than the largest message.
const probeSize = 2 * maxPayload

// probeName is the file of the probe. It is not JetStream's.
const probeName = "todosync.probe"

// supervise starts nats-server again when it has given up writing, until Close.
func (s *Server) supervise() {
	wait := firstWait
	for {
		_, log := s.current()
		began := time.Now()
		select {
		case <-s.ended.Done():
			return
		case text := <-log.broken:
			if time.Since(began) > settled {
				wait = firstWait
			}
			if wait = s.again(text, wait); wait == 0 {
				return
			}
		}
	}
}

// again stops the nats-server that gave up, and starts another when the disk takes data. It returns the wait to begin with the next
// time, 0 after Close.
func (s *Server) again(text string, wait time.Duration) time.Duration {
	s.setTrouble(&connector.Error{
		Kind: connector.Unavailable, Msg: "the embedded NATS cannot write and takes no events: " + text,
		Hint: "free space or mend the disk where " + s.options.StoreDir + " is; it goes on by itself then",
	})
	s.cfg.Log.Error("the embedded NATS cannot write; it is stopped until the disk takes data", "text", text)
	s.halt() // clients learn at once that nothing is taken, in place of waiting for an answer that never comes
	for last := ""; ; {
		timer := time.NewTimer(wait)
		select {
		case <-s.ended.Done():
			timer.Stop()
			return 0
		case <-timer.C:
		}
		wait = min(2*wait, longWait)
		err := s.probe()
		if err == nil {
			err = s.boot(s.ended)
		}
		if err == nil {
			s.setTrouble(nil)
			s.cfg.Log.Info("the embedded NATS takes events again")
			return wait
		}
		if s.ended.Err() != nil {
			return 0
		}
		s.setTrouble(err)
		if now := err.Error(); now != last {
			s.cfg.Log.Warn("the embedded NATS cannot be started again yet", "error", err)
			last = now
		}
	}
}

func (s *Server) setTrouble(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble = err
}

// probe reports whether the disk takes data: it writes a file in the folder and syncs it.
func (s *Server) probe() error {
	if err := held(s.lock, s.options.StoreDir); err != nil {
		return err
	}
	path := filepath.Join(s.options.StoreDir, probeName)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err == nil {
		_, err = f.Write(make([]byte, probeSize))
		if err == nil {
			err = f.Sync()
		}
		err = errors.Join(err, f.Close())
		_ = os.Remove(path) // what cannot be removed is written over the next time
	}
	if err != nil {
		return &connector.Error{
			Kind: connector.Unavailable, Msg: fmt.Sprintf("the embedded NATS takes no events: the disk does not take %d bytes", probeSize),
			Hint: "free space or mend the disk where " + s.options.StoreDir + " is; it goes on by itself then", Err: err,
		}
	}
	return nil
}

// held reports whether the folder is still the one whose lock file f is.
func held(f *os.File, dir string) error {
	mine, err := f.Stat()
	if err != nil {
		return fmt.Errorf("look at the lock of the NATS folder: %w", err)
	}
	there, err := os.Stat(filepath.Join(dir, lockName))
	if err == nil && os.SameFile(mine, there) {
		return nil
	}
	return &connector.Error{
		Kind: connector.Unavailable, Msg: "the folder " + dir + " was removed or replaced under this process",
		Hint: "put it back and start again", Err: err,
	}
}
