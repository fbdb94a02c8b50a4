package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"todosync/connector"
)

// match finds the revision on which a save depends by its If-Match header; 0: on none.
func (a *API) match(ctx context.Context, header string, k connector.ConnectionKey) (int64, error) {
	whichever, wanted, err := revisions(header)
	if err != nil || !whichever && len(wanted) == 0 {
		return 0, err
	}
	if len(wanted) == 1 && !whichever {
		return wanted[0], nil // the store compares it with what is there then
	}
	saved, err := a.Settings.Saved(ctx, k)
	switch {
	case connector.KindOf(err) == connector.NotFound || err == nil && saved.Revision == 0:
		return 0, unmatched("it is not there, so that no revision of it matches")
	case err != nil:
		return 0, err
	case whichever || slices.Contains(wanted, saved.Revision):
		return saved.Revision, nil
	}
	return 0, unmatched(fmt.Sprintf("it has revision %d, which is none of those in If-Match", saved.Revision))
}

// condition finds on which revision a save depends by its If-Match and If-None-Match headers.
func (a *API) condition(ctx context.Context, in *PutInput, k connector.ConnectionKey) (int64, error) {
	switch strings.TrimSpace(in.IfNoneMatch) {
	case "":
		return a.match(ctx, in.IfMatch, k)
	case "*":
		if strings.TrimSpace(in.IfMatch) != "" {
			return 0, invalid("If-None-Match", "If-Match wants something to be there")
		}
		return NoRevision, nil
	}
	return 0, invalid("If-None-Match", "want *: only where there is nothing yet")
}

// unchanged refuses what a job is to do where the revision is not one of an If-Match header.
func (a *API) unchanged(ctx context.Context, header string, k connector.ConnectionKey) error {
	wanted, err := a.match(ctx, header, k)
	if err != nil || wanted == 0 {
		return err
	}
	saved, err := a.Settings.Saved(ctx, k)
	if err == nil && saved.Revision != wanted {
		err = changedSince(wanted)
	}
	return err
}

func changedSince(revision int64) error {
	return unmatched("it was changed since revision " + strconv.FormatInt(revision, 10))
}

// revisions reads an If-Match header: a list of revisions in quotes, or *, which any revision matches.
func revisions(header string) (whichever bool, wanted []int64, err error) {
	for part := range strings.SplitSeq(header, ",") {
		part = strings.TrimSpace(part)
		text := strings.Trim(strings.TrimPrefix(part, "W/"), `"`)
		switch {
		case part == "":
			continue
		case text == "*":
			whichever = true
			continue
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 1 {
			return false, nil, invalid("If-Match", fmt.Sprintf("%s is not a revision in quotes, such as \"3\"", part))
		}
		wanted = append(wanted, n)
	}
	return whichever, wanted, nil
}

func unmatched(detail string) error {
	return newProblem(http.StatusPreconditionFailed, detail, "read it again, and put your change into what it is now")
}
