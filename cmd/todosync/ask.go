package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// An asker asks a person at a terminal. A question ends with the command's context, not only with an answer.
type asker struct {
	cli   *cli
	tty   *os.File
	lines *bufio.Reader
}

// asker gives one where standard input is a terminal, else nil.
func (c *cli) asker() *asker {
	f, ok := c.stdin.(*os.File)
	if !ok || !terminal(f) {
		return nil
	}
	return &asker{cli: c, tty: f, lines: bufio.NewReader(f)}
}

// line asks for one line; an empty one is the default.
func (a *asker) line(ctx context.Context, about, fallback string, into *string) error {
	if fallback != "" {
		about += " [" + fallback + "]"
	}
	fmt.Fprintf(a.cli.stderr, "%s: ", about)
	text, err := a.wait(ctx, func() (string, error) {
		text, err := a.lines.ReadString('\n')
		if errors.Is(err, io.EOF) {
			fmt.Fprintln(a.cli.stderr)
			err = nil // Ctrl-D: no more answers; what is missing is told
		}
		return text, err
	})
	if err != nil {
		return err
	}
	if text = strings.TrimSpace(text); text == "" {
		text = fallback
	}
	*into = text
	return nil
}

// hidden asks for a line that is not shown.
func (a *asker) hidden(ctx context.Context, about string) (string, error) {
	fmt.Fprintf(a.cli.stderr, "%s: ", about)
	state, err := term.GetState(int(a.tty.Fd()))
	if err != nil {
		return "", fmt.Errorf("ask for a secret: %w", err)
	}
	text, err := a.wait(ctx, func() (string, error) {
		b, err := term.ReadPassword(int(a.tty.Fd()))
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return string(b), err
	})
	fmt.Fprintln(a.cli.stderr)
	if err != nil {
		err = errors.Join(err, term.Restore(int(a.tty.Fd()), state)) // the terminal is to show again what is typed
	}
	return text, err
}

// wait gives what read gives, or ctx's error. A read that nobody waits for any more ends with the process.
func (a *asker) wait(ctx context.Context, read func() (string, error)) (string, error) {
	type answer struct {
		text string
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		text, err := read()
		got <- answer{text, err}
	}()
	select {
	case r := <-got:
		return r.text, r.err
	case <-ctx.Done():
		fmt.Fprintln(a.cli.stderr)
		return "", ctx.Err()
	}
}
