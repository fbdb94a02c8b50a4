package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"
)

// The exit codes of every command.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2 // the command line is wrong; nothing was begun
)

func main() { os.Exit(program()) }

// program runs the command line of this process and gives its exit code. The first SIGINT or SIGTERM ends the command's
// context; the second ends the process at once.
func program() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	c := &cli{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		lookup: os.LookupEnv, now: time.Now,
	}
	return c.run(ctx, os.Args[1:])
}

// A cli is one run of the command line with all that it may touch of the world around it, so that tests can give it another.
type cli struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	lookup         func(string) (string, bool) // environment
	now            func() time.Time
	lang           lang
	output         string // --output
	more           string // said on standard error when a command has succeeded
}

// terminal reports whether w is a terminal that a person looks at.
func terminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
