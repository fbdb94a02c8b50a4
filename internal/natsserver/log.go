package natsserver

import (
	"fmt"
	"log/slog"
	"sync"
)

// logger passes on what the server has to say, and keeps what it calls fatal: inside this process that must not end
// it, but must make Start fail.
type logger struct {
	log *slog.Logger

	mu    sync.Mutex // guards fatal
	fatal error
}

// Noticef takes what is of interest to those who look for trouble.
func (l *logger) Noticef(format string, v ...any) {
	l.log.Debug("nats", "text", fmt.Sprintf(format, v...))
}

// Warnf takes warnings.
func (l *logger) Warnf(format string, v ...any) {
	l.log.Warn("nats", "text", fmt.Sprintf(format, v...))
}

// Errorf takes errors that the server lives on with.
func (l *logger) Errorf(format string, v ...any) {
	l.log.Error("nats", "text", fmt.Sprintf(format, v...))
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
