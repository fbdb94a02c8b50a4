package intake

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"todosync/connector"
)

// A Mark remembers in a file how far a stream has come: a stream that ends before was damaged or taken back to an older copy, and
// what it gets from then on would bear numbers that count as read. Such a stream stays refused, also after a restart. Its
// methods may be called from many goroutines.
type Mark struct {
	path string // empty: only this process remembers

	mu    sync.Mutex // guards what follows
	state markState
	saved markState
}

type markState struct {
	Stream string `json:"stream"`          // connector.Stream.String
	Last   uint64 `json:"last"`            // the highest sequence that was in it
	Short  bool   `json:"short,omitempty"` // it was found to end before Last
	End    uint64 `json:"end,omitempty"`   // and where
}

// OpenMark reads the mark in a file; one that is not there is an empty mark.
func OpenMark(path string) (*Mark, error) {
	m := &Mark{path: path}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &m.state)
	}
	if err != nil {
		return nil, &connector.Error{
			Kind: connector.Unavailable, Op: "read how far the stream has come", Msg: "cannot read " + path,
			Hint: "check the disk; without that file a stream that lost its newest events is not noticed: remove it only if you know that none did",
			Err:  err,
		}
	}
	m.saved = m.state
	return m, nil
}

// see notes that a stream holds, or held, events up to last. The first word of another stream begins anew.
func (m *Mark) see(stream string, last uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.state.Stream != stream {
		m.state = markState{Stream: stream}
	}
	if !m.state.Short { // what it gets later does not make good what it lost
		m.state.Last = max(m.state.Last, last)
	}
}

// Found is told where a stream ended before anybody could add to it. A stream that is too short then is refused from now on.
func (m *Mark) Found(id connector.Stream, end uint64) {
	if m.judge(id, end) != nil {
		_ = m.save() // the reader saves it, too, and says when it cannot
	}
}

// judge refuses a stream that ends before what was seen of it, now or once before.
func (m *Mark) judge(id connector.Stream, end uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.state.Stream != id.String() {
		return nil
	}
	if end < m.state.Last && !m.state.Short {
		m.state.Short, m.state.End = true, end
	}
	if !m.state.Short {
		return nil
	}
	forget := "put back its sound files, if you have them"
	if m.path != "" {
		forget += ", and remove " + m.path
	}
	return &connector.Error{
		Kind: connector.Conflict, Op: "open the stream " + id.Name,
		Msg: fmt.Sprintf("there were events up to sequence %d, but stream %s was found to end at %d: its files were damaged, "+
			"or it was restored from an older copy", m.state.Last, id.Name, m.state.End),
		Hint: forget + "; else make a new stream that takes its messages from this one (sources), " +
			"name it by --stream, and have the CRM emit what is missing; events that are known already are recognised by their ids",
	}
}

// save makes what was seen durable, where that is news.
func (m *Mark) save() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.path == "" || m.state == m.saved {
		return nil
	}
	b, err := json.Marshal(m.state)
	if err != nil {
		return err
	}
	if err := replaceFile(m.path, append(b, '\n')); err != nil {
		return fmt.Errorf("keep how far the stream has come: %w", err)
	}
	m.saved = m.state
	return nil
}

// replaceFile puts b in the place of a file, whole or not at all, and returns when it is on the disk.
func replaceFile(path string, b []byte) error {
	temp := path + ".new"
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
