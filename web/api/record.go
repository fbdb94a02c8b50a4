package api

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"todosync/connector"
	"todosync/retry"
)

// recordView is a sync record with its times as the API writes them.
type recordView struct {
	connector.Record
	CreatedAt Time          `json:"createdAt"`
	UpdatedAt Time          `json:"updatedAt"`
	NextTryAt Time          `json:"nextTryAt"`
	Attempts  []attemptView `json:"attempts,omitempty" doc:"only of a single record"`
}

type attemptView struct {
	connector.RecordAttempt
	StartedAt Time `json:"startedAt"`
}

func viewRecord(r connector.Record) recordView {
	v := recordView{
		Record: r, CreatedAt: Time(r.CreatedAt), UpdatedAt: Time(r.UpdatedAt), NextTryAt: timeOf(r.NextTryAt),
		Attempts: make([]attemptView, len(r.Attempts)),
	}
	for i, t := range r.Attempts {
		for _, h := range []*[]retry.Header{&t.Request.Headers, &t.Response.Headers} {
			if *h == nil {
				*h = []retry.Header{}
			}
		}
		v.Attempts[i] = attemptView{RecordAttempt: t, StartedAt: Time(t.StartedAt)}
	}
	return v
}

type recordQuery struct {
	Paging
	RecordParams
}

// RecordPath is the parameter of a route of one thing.
type RecordPath struct {
	ID string `path:"id"`
}

type one[T any] struct {
	Body T
}

// A followed is an answer whose changes can be followed from the moment on at which it was made.
type followed[T any] struct {
	At   string `header:"Last-Event-ID" doc:"sent to /records/stream in the header of this name, no change after this answer is missed"`
	Body T
}

// A recordList is the body of a list of sync records.
type recordList struct {
	Items      []recordView `json:"items"`
	Next       string       `json:"next" doc:"cursor of the next page; empty at the end"`
	SearchedTo Time         `json:"searchedTo,omitzero" doc:"only of a search that stopped for its time before the page was full: all from this time on was looked through, and next goes on"`
}

type exportQuery struct {
	RecordParams
	Format string `query:"format" enum:"jsonl,ndjson,json,csv" doc:"csv, or JSON lines under any of their names; without it what Accept asks for, JSON lines by default"`
	Accept string `header:"Accept"`
}

// csv reports whether CSV is asked for.
func (q *exportQuery) csv() bool {
	return q.Format == "csv" || q.Format == "" && strings.HasPrefix(strings.TrimSpace(q.Accept), "text/csv")
}

func (a *API) recordRoutes() {
	handle(a, route{
		method: http.MethodGet, path: "/records", id: "listRecords", summary: "Sync records, newest first", need: View,
	}, func(ctx context.Context, in *recordQuery) (*followed[recordList], error) {
		f, some, err := visible(ctx, &in.RecordParams)
		if err != nil {
			return nil, err
		}
		out := &followed[recordList]{At: a.Records.FeedAt()} // before the search, so that what changes meanwhile is told twice and not never
		var page connector.Page[connector.Record]
		if some {
			if page, err = a.Records.Records(ctx, f, in.page()); err != nil {
				return nil, err
			}
		}
		body := listOf(page, viewRecord).Body
		out.Body = recordList{Items: body.Items, Next: body.Next, SearchedTo: Time(page.SearchedTo)}
		return out, nil
	})
	handle(a, route{
		method: http.MethodGet, path: "/records/{id}", id: "getRecord", summary: "One sync record with its attempts", need: View,
	}, func(ctx context.Context, in *RecordPath) (*followed[recordView], error) {
		at := a.Records.FeedAt()
		r, err := a.record(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		return &followed[recordView]{At: at, Body: viewRecord(r)}, nil
	})
	a.streamRoute()
	handle(a, route{
		method: http.MethodGet, path: "/records/export", id: "exportRecords", need: View,
		summary: "All sync records that match, newest first, as JSON lines or CSV",
	}, func(ctx context.Context, in *exportQuery) (*huma.StreamResponse, error) {
		f, some, err := visible(ctx, &in.RecordParams)
		if err != nil {
			return nil, err
		}
		// The first page is read before anything is sent, so that a mistake can still be answered as one.
		var first connector.Page[connector.Record]
		if some {
			if first, err = a.Records.Records(ctx, f, connector.PageOf{Limit: exportPage}); err != nil {
				return nil, err
			}
		}
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			r, w := humago.Unwrap(hc)
			a.export(r, w, export{filter: f, page: first, csv: in.csv()})
		}}, nil
	})
}

// visible is the filter of a request, limited to what its caller may see.
func visible(ctx context.Context, in *RecordParams) (f connector.RecordFilter, some bool, err error) {
	if f, err = in.filter(); err != nil {
		return f, false, err
	}
	f.Tenants, some = narrow(ctx, f.Tenants)
	return f, some, nil
}

// How an export is read and sent: page by page, and a client that takes nothing for writeLimit is given up.
const (
	exportPage = 1000
	writeLimit = 30 * time.Second
)

// An export is one run of /records/export.
type export struct {
	filter connector.RecordFilter
	page   connector.Page[connector.Record]
	csv    bool
}

// export writes all pages. Trouble on the way breaks the connection off, so that what came is not taken for all.
func (a *API) export(r *http.Request, w http.ResponseWriter, e export) {
	contentType, name := "application/x-ndjson", "records.jsonl"
	if e.csv {
		contentType, name = "text/csv; charset=utf-8", "records.csv"
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	if r.Method == http.MethodHead {
		return
	}
	rc := http.NewResponseController(w)
	buffer := bufio.NewWriterSize(w, 64<<10)
	write := jsonLines(buffer)
	if e.csv {
		write = csvLines(buffer)
	}
	for {
		_ = rc.SetWriteDeadline(a.Now().Add(writeLimit)) // a writer without deadlines has none to move
		err := write(e.page.Items)
		if err == nil {
			err = buffer.Flush()
		}
		if err == nil && e.page.Next != "" {
			e.page, err = a.Records.Records(r.Context(), e.filter, connector.PageOf{Cursor: e.page.Next, Limit: exportPage})
		} else if err == nil {
			return
		}
		if err != nil {
			if r.Context().Err() == nil {
				a.Log.ErrorContext(r.Context(), "export was cut off", "error", err)
			}
			panic(http.ErrAbortHandler)
		}
	}
}

func jsonLines(w io.Writer) func([]connector.Record) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return func(records []connector.Record) error {
		for _, r := range records {
			if err := enc.Encode(viewRecord(r)); err != nil {
				return err
			}
		}
		return nil
	}
}

// csvLines writes the columns of a record under their names, with the headings first.
func csvLines(w io.Writer) func([]connector.Record) error {
	out := csv.NewWriter(w)
	headed := false
	return func(records []connector.Record) error {
		if !headed {
			headed = true
			if err := out.Write([]string{
				"id", "tenant", "connection", "scene", "state", "class", "code", "message", "todo", "title", "receiver",
				"oaAccount", "eventId", "revision", "tries", "createdAt", "updatedAt", "nextTryAt", "possiblySentTwice",
				"supersededBy", "splitFrom", "remoteId",
			}); err != nil {
				return err
			}
		}
		for _, r := range records {
			if err := out.Write([]string{
				r.ID, r.Tenant, r.Connection, string(r.Scene), string(r.State), string(r.Class), r.Code, r.Message, r.Todo, r.Title,
				r.Receiver, r.OAAccount, r.EventID, strconv.FormatInt(r.Revision, 10), strconv.Itoa(r.Tries),
				Time(r.CreatedAt).String(), Time(r.UpdatedAt).String(), timeOf(r.NextTryAt).String(),
				strconv.FormatBool(r.PossiblySentTwice), r.SupersededBy, r.SplitFrom, r.RemoteID,
			}); err != nil {
				return err
			}
		}
		out.Flush()
		return out.Error()
	}
}
