package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"todosync/connector"
)

// A stream that says nothing for tailSilence, though it tells every 15 s that it lives, is dead; a lost one is asked for again after tailFirst, then
// twice as long each time, tailMost at most.
const (
	tailSilence = 45 * time.Second
	tailFirst   = time.Second
	tailMost    = 30 * time.Second
)

func (c *cli) recordsTailCmd(s *server) *cobra.Command {
	cmd := &cobra.Command{Use: "tail", Short: c.t("Follow sync records as they change, until Ctrl-C", "持续显示同步记录的变化，按 Ctrl-C 结束"), Args: c.args(0, 0, "")}
	filters := c.filterFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		a, err := c.connect(s)
		if err != nil {
			return err
		}
		q, err := filters()
		if err != nil {
			return err
		}
		t := tail{client: a, query: q, each: c.tailLine}
		if err = t.run(cmd.Context()); cmd.Context().Err() != nil {
			return nil // Ctrl-C is how it ends
		}
		return err
	}
	return cmd
}

// tailLine prints one record: a line of text or of JSON, or a YAML document.
func (c *cli) tailLine(raw json.RawMessage) error {
	switch c.output {
	case "json":
		_, err := fmt.Fprintf(c.stdout, "%s\n", bytes.TrimSpace(raw))
		return err
	case "yaml":
		fmt.Fprintln(c.stdout, "---")
		return c.yaml(raw)
	}
	var r connector.Record
	if err := json.Unmarshal(raw, &r); err != nil {
		return fmt.Errorf("read the record: %w", err)
	}
	c.recordLine(&r)
	return nil
}

// A tail follows the stream of changed records over restarts of the server and losses of the network. It comes back where it stopped; where the
// server can't say any more what changed meanwhile, it says so.
type tail struct {
	client *client
	query  url.Values
	each   func(json.RawMessage) error

	place string // up to where it has read
	begun bool   // a stream was open once
	lost  bool   // and was lost since; it was told
}

// An eachError wraps what each answered: it ends the tail.
type eachError struct{ error }

// run reads until ctx ends, the server refuses or a record can't be printed.
func (t *tail) run(ctx context.Context) error {
	wait := tailFirst
	for {
		opened, err := t.read(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if each, ok := errors.AsType[*eachError](err); ok {
			return each.error
		}
		if refused, ok := errors.AsType[*apiError](err); !t.begun || ok && refused.status < http.StatusInternalServerError {
			return err
		}
		if opened {
			wait = tailFirst
		}
		if c := t.client.cli; !t.lost {
			t.lost = true
			fmt.Fprintln(c.stderr, c.t("The connection to the server was lost; trying again until Ctrl-C.", "与服务器的连接已断开；正在重试，按 Ctrl-C 结束。"))
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
		wait = min(2*wait, tailMost)
	}
}

// read reads one stream to its end.
func (t *tail) read(ctx context.Context) (opened bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	header := http.Header{"Accept": {"text/event-stream"}}
	if t.place != "" {
		header.Set("Last-Event-ID", t.place)
	}
	silence := time.AfterFunc(tailSilence, cancel)
	defer silence.Stop()
	resp, err := t.client.open(ctx, call{method: http.MethodGet, path: path("records", "stream"), query: t.query, header: header})
	if err != nil {
		return false, err
	}
	defer func() { _ = resp.Body.Close() }()
	if c := t.client.cli; t.lost {
		fmt.Fprintln(c.stderr, c.t("The server is back.", "服务器已恢复。"))
	}
	t.begun, t.lost = true, false
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(make([]byte, 64<<10), 8<<20)
	var kind, place string
	var data []byte
	for lines.Scan() {
		silence.Reset(tailSilence)
		name, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case lines.Text() == "":
			if err := t.event(kind, data); err != nil {
				return true, &eachError{err}
			}
			if place != "" {
				t.place = place
			}
			kind, data = "", nil
		case name == "event":
			kind = value
		case name == "id":
			place = value
		case name == "data":
			data = append(append(data, value...), '\n')
		}
	}
	if err := lines.Err(); err != nil {
		return true, err
	}
	return true, io.EOF
}

// event takes in one event.
func (t *tail) event(kind string, data []byte) error {
	switch {
	case kind == "gap":
		c := t.client.cli
		fmt.Fprintln(c.stderr, c.t("Some changes were missed; `todosync records list` shows how things stand.", "有些变化没有收到；请用 `todosync records list` 查看当前状态。"))
	case len(data) > 0 && (kind == "" || kind == "record"):
		return t.each(data)
	}
	return nil
}
