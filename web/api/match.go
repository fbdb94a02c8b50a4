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

// revisions reads an If-Match header: a list of revisions in quotes, or *, which any revision matches.
func revisions(header string) (whichever bool, wanted []int64, err error) {
	for part := range strings.SplitSeq(header, ",") {
		text := strings.Trim(strings.TrimPrefix(strings.TrimSpace(part), "W/"), `"`)
		switch text {
		case "":
			continue
		case "*":
			whichever = true
			continue
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 1 {
			return false, nil, invalid("If-Match", fmt.Sprintf("%q is not a revision in quotes, such as \"3\"", strings.TrimSpace(part)))
		}
		wanted = append(wanted, n)
	}
	return whichever, wanted, nil
}

func unmatched(detail string) error {
	return newProblem(http.StatusPreconditionFailed, detail, "read it again, and put your change into what it is now")
}
