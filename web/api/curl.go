package api

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"todosync/connector"
)

// A CurlView is a request of an attempt as a command.
type CurlView struct {
	Number  int    `json:"number" doc:"of the attempt"`
	Command string `json:"command" doc:"for a POSIX shell; secrets are variables that bear their names"`
}

func (a *API) curlRoute() {
	handle(a, route{
		method: http.MethodGet, path: "/records/{id}/curl", id: "curlRecord", need: View,
		summary: "The requests of a record's attempts as curl commands, with the names of secrets in place of their values",
	}, func(ctx context.Context, in *RecordPath) (*list[CurlView], error) {
		r, err := a.record(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		masked, err := a.bodiesMasked(ctx, r.Tenant)
		if err != nil {
			return nil, err
		}
		page := connector.Page[CurlView]{}
		for i := range r.Attempts {
			if t := &r.Attempts[i]; t.Named.Address != "" {
				if masked {
					t.Named.Body = ""
				}
				page.Items = append(page.Items, CurlView{Number: t.Number, Command: curl(&t.Named)})
			}
		}
		return listOf(page, same), nil
	})
}

// curl is the command that sends a request, for a POSIX shell.
func curl(r *connector.SentRequest) string {
	lines := []string{"curl --globoff -X " + quoted(r.Method) + " " + quoted(r.Address)}
	for _, h := range r.Headers {
		switch {
		case strings.EqualFold(h.Name, "Content-Length"), strings.EqualFold(h.Name, "Host"):
			continue // curl makes its own
		}
		value := h.Name + ": " + h.Value
		if h.Value == "" {
			value = h.Name + ";" // with a colon curl leaves the header out
		}
		lines = append(lines, "-H "+quoted(value))
	}
	if r.Body != "" {
		lines = append(lines, "--data-raw "+quoted(r.Body))
	}
	return strings.Join(lines, " \\\n  ")
}

// quoted is a text as a shell takes it literally, but for the names between two U+0000, which become variables.
func quoted(s string) string {
	var b strings.Builder
	for i, part := range strings.Split(s, "\x00") {
		if i%2 == 1 {
			b.WriteString(`"$` + variable(part) + `"`)
		} else if part != "" {
			b.WriteString("'" + strings.ReplaceAll(part, "'", `'\''`) + "'")
		}
	}
	if b.Len() == 0 {
		return "''"
	}
	return b.String()
}

// variable is the name of a shell's variable for the name of a secret.
func variable(name string) string {
	var b strings.Builder
	for _, r := range name {
		switch {
		case r >= 'a' && r <= 'z':
			r -= 'a' - 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9' && b.Len() > 0:
		case r < 0x80:
			r = '_'
		default:
			b.WriteString("U" + strconv.FormatInt(int64(r), 16))
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
