package main

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"

	"todosync/connector"
)

// Colours of a terminal, by what a state means.
const (
	green   = "\x1b[32m"
	yellow  = "\x1b[33m"
	red     = "\x1b[31m"
	grey    = "\x1b[90m"
	bold    = "\x1b[1m"
	plainly = "\x1b[0m"
)

// paint colours a text on a terminal; elsewhere, or where NO_COLOR is set, it stays as it is.
func (c *cli) paint(colour, s string) string {
	if !terminal(c.stdout) {
		return s
	}
	if v, ok := c.lookup("NO_COLOR"); ok && v != "" {
		return s
	}
	return colour + s + plainly
}

// stateColour is the colour of a state.
func stateColour(s connector.State) string {
	switch s {
	case connector.Succeeded:
		return green
	case connector.Failed:
		return red
	case connector.Retrying, connector.Held:
		return yellow
	case connector.Pending, connector.Sending, connector.Skipped, connector.Superseded, connector.Canceled:
	}
	return grey
}

// columns is the width of the screen, 140 where it is none.
func (c *cli) columns() int {
	if f, ok := c.stdout.(*os.File); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
			return w
		}
	}
	return 140
}

// recordLine prints a sync record in one line: when, whose, what, for whom, how it stands and why.
func (c *cli) recordLine(r *connector.Record) {
	who := r.Receiver
	if r.OAAccount != "" && r.OAAccount != r.Receiver {
		who += "→" + r.OAAccount
	}
	reason := strings.TrimSpace(string(r.Class) + " " + strings.TrimSpace(r.Code+" "+strings.TrimPrefix(r.Message, string(r.Class)+": ")))
	if r.Class == "" {
		reason = ""
		if r.Tries > 1 {
			reason = fmt.Sprintf(c.t("at try %d", "第 %d 次"), r.Tries)
		}
	}
	if r.PossiblySentTwice {
		reason = strings.TrimSpace(reason + " " + c.t("(possibly sent twice)", "（可能重复发送）"))
	}
	const fixed = 9 + 7 + 13 + 8 + 20 + 12
	title := max(16, min(44, c.columns()-fixed-24))
	fmt.Fprintf(c.stdout, "%s %s %s %s %s %s %s %s\n", r.UpdatedAt.Local().Format("15:04:05"), pad(r.Tenant, 7), pad(r.Connection, 13), pad(string(r.Scene), 7),
		pad(oneLine(or(r.Title, r.Todo)), title), pad(oneLine(who), 20), c.paint(stateColour(r.State), pad(string(r.State), 10)), cut(oneLine(reason), max(20, c.columns()-fixed-title)))
}
