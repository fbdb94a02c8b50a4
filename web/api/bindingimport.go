package api

import (
	"context"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// progressEvery is how often an import that is listened to tells how far it is.
const progressEvery = 100 * time.Millisecond

// importBindings imports a file. Who asks for lines of JSON hears how far it is; the last line is the report, or the problem.
func (a *API) importBindings(ctx context.Context, in *importInput) (*huma.StreamResponse, error) {
	if media, _, _ := mime.ParseMediaType(in.ContentType); media == "multipart/form-data" {
		return nil, newProblem(http.StatusUnsupportedMediaType, "a form is not taken: the body is the file itself", "curl --data-binary @FILE in place of -F")
	}
	file, err := ReadBindingFile(in.RawBody, in.Connection)
	if err != nil {
		return nil, err
	}
	if !strings.Contains(in.Accept, "application/x-ndjson") {
		report, err := a.importFile(ctx, in, &file, nil)
		if err != nil {
			return nil, err
		}
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			hc.SetHeader("Content-Type", "application/json")
			_ = a.huma.Marshal(hc.BodyWriter(), "application/json", report) // a client that went away hears nothing
		}}, nil
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		_, w := humago.Unwrap(hc)
		w.Header().Set("Content-Type", "application/x-ndjson")
		control := http.NewResponseController(w)
		say := func(v any) {
			if b, err := json.Marshal(v); err == nil {
				_, _ = w.Write(append(b, '\n')) // a client that went away hears nothing; what was begun ends all the same
				_ = control.Flush()
			}
		}
		told := time.Time{}
		// A client that goes away in the middle leaves a whole import behind, not a half.
		report, err := a.importFile(context.WithoutCancel(ctx), in, &file, func(done, total int) {
			if now := time.Now(); done == total || now.Sub(told) >= progressEvery {
				told = now
				say(map[string]int{"done": done, "total": total})
			}
		})
		if err != nil {
			say(map[string]any{"problem": a.problem(ctx, "importBindings", err)})
			return
		}
		say(map[string]any{"report": report})
	}}, nil
}

// importFile imports what was read of a file. With a wrong row it changes nothing.
func (a *API) importFile(ctx context.Context, in *importInput, file *BindingFile, progress func(done, total int)) (*ImportReport, error) {
	dry := in.DryRun || len(file.Wrong) > 0
	report := ImportReport{Errors: []RowError{}}
	if in.DryRun || len(file.Wrong) == 0 {
		var err error
		order := Import{Tenant: in.Tenant, Rows: file.Rows, DryRun: dry, Fates: in.Rows, Nameless: file.Nameless, Unnamed: file.Unnamed, Progress: progress}
		if report, err = a.Importer.ImportBindings(ctx, order, by(ctx, "api")); err != nil {
			return nil, err
		}
	}
	report.DryRun = in.DryRun
	report.Errors = append(append([]RowError{}, file.Wrong...), report.Errors...)
	report.Warnings = append([]RowError{}, file.Warnings...)
	if report.Changes == nil {
		report.Changes = []BindingReplace{}
	}
	if len(report.Errors) == 0 || in.DryRun {
		return &report, nil
	}
	p := newProblem(http.StatusUnprocessableEntity,
		fmt.Sprintf("rows of the file that are wrong: %d; nothing was changed", len(report.Errors)), "?dryRun=true tells the same without changing anything")
	for _, e := range report.Errors {
		path := fmt.Sprintf("row %d", e.Row)
		if e.Column != "" {
			path += " " + e.Column
		}
		p.Errors = append(p.Errors, ProblemDetail{Path: path, Message: e.Message, Line: e.Row})
	}
	return nil, p
}
