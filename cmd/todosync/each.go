package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// each does something to each of the things that a command line names, prints what came of it, and goes on where the server refuses one:
// the others are not to blame. Any other failure, of the server or of the way to it, would be that of all and ends it. What was done
// before is printed in any case.
func (c *cli) each(columns []column, ids []string, do func(id string) ([]json.RawMessage, error)) error {
	var items []json.RawMessage
	var failed []error
	var told error
	for _, id := range ids {
		got, err := do(id)
		items = append(items, got...)
		if err == nil {
			continue
		}
		if errors.Is(err, errTold) {
			told = err // a person said no to this one
			continue
		}
		if len(ids) > 1 {
			err = fmt.Errorf("%s: %w", id, err)
		}
		if failed = append(failed, err); !refusedOne(err) {
			break
		}
	}
	if len(failed) == 0 && told != nil {
		failed = append(failed, told)
	}
	if len(items) > 0 || len(failed) == 0 {
		if err := c.list(columns, items); err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// refusedOne reports whether an error is about the thing that was asked for, and not about who asked or the way there.
func refusedOne(err error) bool {
	e, ok := errors.AsType[*apiError](err)
	if !ok {
		return false
	}
	switch e.status {
	case http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity:
		return true
	}
	return false
}
