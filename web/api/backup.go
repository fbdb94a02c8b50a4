package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// Backups makes copies of the store while it is in use.
type Backups interface {
	// Backup makes one, and tells how far it is. The caller closes what it gets.
	Backup(ctx context.Context, progress func(done, all int)) (Backup, error)
}

// A Backup is a copy of the store that was made, to be written out.
type Backup interface {
	io.WriterTo
	io.Closer
}

// A BackupStep is one line before the bytes of a backup: how far the copying is, or that the next byte is the backup's first, or
// why there will be none.
type BackupStep struct {
	Done    int      `json:"done"`
	Of      int      `json:"of"`
	Ready   bool     `json:"ready,omitempty"`
	Problem *Problem `json:"problem,omitempty"`
}

// stepEvery is how often a client hears how far the copying is.
const stepEvery = 200 * time.Millisecond

// backupRoute gives admins a copy of the store: lines of JSON while it is made, then the file itself.
func (a *API) backupRoute() {
	if a.Backups == nil {
		return
	}
	a.mux.HandleFunc("POST "+Prefix+"/backup", func(w http.ResponseWriter, r *http.Request) {
		p, err := a.allowed(r, Admin, "the token has no right to copy the data of all tenants")
		if err != nil {
			a.refuseRaw(w, err)
			return
		}
		a.note(r.Context(), AuditEntry{Who: p.Name, What: "backup made"})
		a.backUp(w, r)
	})
}

// backUp answers with one backup.
func (a *API) backUp(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	out := &backupWriter{w: w, rc: http.NewResponseController(w), now: a.Now}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("X-Accel-Buffering", "no") // nginx
	if err := out.step(BackupStep{}); err != nil {
		return
	}
	b, err := a.Backups.Backup(ctx, func(done, all int) {
		if out.due() && out.step(BackupStep{Done: done, Of: all}) != nil {
			cancel() // nobody waits for it any more
		}
	})
	if err != nil {
		p, ok := errors.AsType[*Problem](a.problem(ctx, "backup", err))
		if !ok {
			p = newProblem(http.StatusInternalServerError, "something went wrong here", "look at the log of the server")
		}
		_ = out.step(BackupStep{Problem: p}) // a client that went away hears nothing
		return
	}
	defer func() { _ = b.Close() }()
	if err := out.step(BackupStep{Ready: true}); err != nil {
		return
	}
	if _, err := b.WriteTo(out); err != nil {
		a.Log.WarnContext(ctx, "a backup was not fetched to its end", "error", err)
		panic(http.ErrAbortHandler) // the client must see that it is cut
	}
}

// A backupWriter writes an answer that may take long, as long as somebody takes it.
type backupWriter struct {
	w   http.ResponseWriter
	rc  *http.ResponseController
	now func() time.Time

	mu    sync.Mutex // guards shown
	shown time.Time
}

// Write implements io.Writer.
func (b *backupWriter) Write(p []byte) (int, error) {
	_ = b.rc.SetWriteDeadline(b.now().Add(writeLimit)) // a writer without deadlines has none to move
	return b.w.Write(p)
}

// due reports whether it is time for another line.
func (b *backupWriter) due() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	if now.Sub(b.shown) < stepEvery {
		return false
	}
	b.shown = now
	return true
}

// step writes one line.
func (b *backupWriter) step(s BackupStep) error {
	line, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if _, err := b.Write(append(line, '\n')); err != nil {
		return err
	}
	return b.rc.Flush()
}
