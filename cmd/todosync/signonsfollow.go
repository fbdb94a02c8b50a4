package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"time"
)

// How often the sign-on log is looked at while it is followed, how many are shown at first, and how late an entry may come: a visit
// stands under the time at which it began.
const (
	followEvery = time.Second
	followFirst = 10
	followLate  = 30 * time.Second
)

// A signOnLine is what a line shows of an entry of the sign-on log.
type signOnLine struct {
	Number, Tenant, Connection, Account, UserID, Outcome, Why string
	Time                                                      time.Time
}

// followSignOns prints entries of the sign-on log as they come, until ctx ends.
func (c *cli) followSignOns(ctx context.Context, a *client, q url.Values) error {
	shown := map[string]time.Time{}
	p := &paging{limit: followFirst}
	var newest time.Time
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		items, err := a.pages(ctx, path("sign-ons"), q, p)
		switch {
		case ctx.Err() != nil:
			return nil // Ctrl-C is how it ends
		case err != nil:
			return err
		}
		for _, raw := range slices.Backward(items) {
			var e signOnLine
			if err := json.Unmarshal(raw, &e); err != nil {
				return fmt.Errorf("read the sign-on: %w", err)
			}
			if _, known := shown[e.Number]; known {
				continue
			}
			shown[e.Number] = e.Time
			if e.Time.After(newest) {
				newest = e.Time
			}
			if err := c.signOnLine(raw, &e); err != nil {
				return err
			}
		}
		c.more = ""
		if !newest.IsZero() {
			since := newest.Add(-followLate)
			for number, at := range shown {
				if at.Before(since) {
					delete(shown, number)
				}
			}
			q.Set("from", since.UTC().Format("2006-01-02T15:04:05.000Z"))
		}
		if p.all = true; newest.IsZero() {
			p.all = false // nothing has come yet, and nothing bounds what is asked for
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// signOnLine prints one entry: a line of text, or of JSON.
func (c *cli) signOnLine(raw json.RawMessage, e *signOnLine) error {
	switch c.output {
	case "json":
		_, err := fmt.Fprintf(c.stdout, "%s\n", bytes.TrimSpace(raw))
		return err
	case "yaml":
		fmt.Fprintln(c.stdout, "---")
		return c.yaml(raw)
	}
	who, colour := e.Account, red
	if e.UserID != "" {
		who += "→" + e.UserID
	}
	if e.Outcome == "signed_on" || e.Outcome == "greeted" {
		colour = green
	}
	_, err := fmt.Fprintf(c.stdout, "%s %s %s %s %s %s %s\n", e.Time.Local().Format("15:04:05"), e.Number, pad(e.Tenant, 7), pad(e.Connection, 14), pad(oneLine(who), 24),
		c.paint(colour, pad(e.Outcome, 14)), cut(oneLine(e.Why), max(20, c.columns()-80)))
	return err
}
