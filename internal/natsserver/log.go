package natsserver

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
)

// sticky are the words by which nats-server tells, in its log alone, that it writes nothing any more until it is started again.
var sticky = [...]string{
	"critical write error", "will be disabled", "disabling jetstream", "failed to store a msg", "no space left", "file too large",
	"read-only file system", "disk quota exceeded",
}

// logger passes on what the server has to say, and keeps what it calls fatal: inside this process that must not end
// it, but must make Start fail.
type logger struct {
	log    *slog.Logger
	broken chan string // holds the first word of that the disk does not take data

	mu    sync.Mutex // guards fatal
	fatal error
}

// Noticef takes what is of interest to those who look for trouble.
func (l *logger) Noticef(format string, v ...any) {
	l.log.Debug("nats", "text", fmt.Sprintf(format, v...))
}

// Warnf takes warnings.
func (l *logger) Warnf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	l.log.Warn("nats", "text", text)
	l.notice(text)
}

// Errorf takes errors that the server lives on with.
func (l *logger) Errorf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	l.log.Error("nats", "text", text)
	l.notice(text)
}

// notice tells the supervisor of what only a fresh start mends. It does not block: nats-server logs with its locks held.
func (l *logger) notice(text string) {
	lower := strings.ToLower(text)
	for _, s := range sticky {
		if strings.Contains(lower, s) {
			select {
			case l.broken <- text:
			default:
			}
			return
		}
	}
}

// Debugf is not called: debugging of NATS is never turned on.
func (l *logger) Debugf(string, ...any) {}

// Tracef is not called: tracing would log payloads.
func (l *logger) Tracef(string, ...any) {}

// Fatalf takes what stops the server. The first cause stays.
func (l *logger) Fatalf(format string, v ...any) {
	err := fmt.Errorf(format, v...)
	for _, a := range v {
		if cause, ok := a.(error); ok {
			err = cause
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fatal == nil {
		l.fatal = err
	}
}

// cause is what stopped the server, nil while nothing has.
func (l *logger) cause() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fatal
}
