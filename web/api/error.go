package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"

	"todosync/connector"
	"todosync/connector/file"
)

const problemType = "application/problem+json"

// A Problem is what every answer that is not 2xx holds (RFC 9457).
type Problem struct {
	Type   string          `json:"type" doc:"always about:blank: status and title say what sort of problem it is"`
	Title  string          `json:"title"`
	Status int             `json:"status"`
	Detail string          `json:"detail" doc:"what is wrong, for people"`
	Hint   string          `json:"hint,omitempty" doc:"what to do about it"`
	Errors []ProblemDetail `json:"errors,omitempty" doc:"each mistake in what was given"`
}

// A ProblemDetail is one of several mistakes.
type ProblemDetail struct {
	Path    string `json:"path" doc:"the member, parameter or header that is wrong"`
	Message string `json:"message"`
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
}

// Error is the detail.
func (p *Problem) Error() string { return p.Detail }

// GetStatus tells huma the status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType tells huma the media type.
func (p *Problem) ContentType(string) string { return problemType }

func newProblem(status int, detail, hint string) *Problem {
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Hint: hint}
}

func writeProblem(w http.ResponseWriter, p *Problem) {
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // to a client that went away nothing can be said
}

// statusOf is the one table from kinds of errors to HTTP.
func statusOf(k connector.ErrorKind) int {
	switch k {
	case connector.Invalid:
		return http.StatusUnprocessableEntity
	case connector.NotFound:
		return http.StatusNotFound
	case connector.Conflict:
		return http.StatusConflict
	case connector.Forbidden:
		return http.StatusForbidden
	case connector.Unavailable:
		return http.StatusServiceUnavailable
	case connector.TooLarge:
		return http.StatusRequestEntityTooLarge
	case connector.Internal:
	}
	return http.StatusInternalServerError
}

// problem makes a Problem of any error. What is not meant for people is logged and not told.
func (a *API) problem(ctx context.Context, operation string, err error) error {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	e, ok := errors.AsType[*connector.Error](err)
	switch {
	case !ok && ctx.Err() != nil:
		return newProblem(http.StatusServiceUnavailable, "the request was ended before it was answered", "ask again")
	case !ok:
		e = &connector.Error{Kind: connector.Internal, Msg: "something went wrong here", Hint: "look at the log of the server"}
	}
	p := newProblem(statusOf(e.Kind), e.Msg, e.Hint)
	if p.Detail == "" {
		p.Detail = e.Kind.String()
	}
	for _, d := range e.Details {
		p.Errors = append(p.Errors, ProblemDetail{Path: d.Path, Message: d.Message})
	}
	if p.Status >= http.StatusInternalServerError {
		a.Log.ErrorContext(ctx, "request failed", "operation", operation, "error", err)
	}
	return p
}

// ProblemOf makes a Problem of an error that is meant for people, in their language; nil where it is not.
func ProblemOf(err error, zh bool) *Problem {
	e, ok := errors.AsType[*connector.Error](err)
	if !ok || e.Kind == connector.Internal {
		return nil
	}
	p := newProblem(statusOf(e.Kind), e.Msg, e.Hint)
	for _, d := range e.Details {
		p.Errors = append(p.Errors, ProblemDetail{Path: d.Path, Message: d.Message})
	}
	if zh {
		return p.translate()
	}
	return p
}

// invalid is the error of a mistake in what was given.
func invalid(path, message string) error {
	return &connector.Error{
		Kind: connector.Invalid, Msg: message, Details: []connector.Detail{{Path: path, Message: message}},
	}
}

// notFound is the error of something that is not there, or not for this user.
func notFound(what string) error {
	return &connector.Error{Kind: connector.NotFound, Msg: "there is no " + what}
}

// fileProblem is the problem of settings that have mistakes.
func fileProblem(problems file.Problems) *Problem {
	p := newProblem(http.StatusUnprocessableEntity, "the settings have mistakes, so nothing was changed", "")
	for _, m := range problems {
		if !m.Warning {
			p.Errors = append(p.Errors, ProblemDetail{Path: m.Path, Message: m.Message, File: m.File, Line: m.Line, Column: m.Column})
		}
	}
	return p
}

// asProblem puts what huma itself refuses into the form of all errors. Values that were sent are not repeated: one of
// them may be a secret.
func (a *API) asProblem(ctx huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	p, err := a.asOurs(ctx, m)
	return inLanguage(ctx.Context(), p), err
}

func (a *API) asOurs(ctx huma.Context, m *huma.ErrorModel) (*Problem, error) {
	p := newProblem(m.Status, m.Detail, "")
	if m.Status == http.StatusUnprocessableEntity {
		p.Detail = "the request is not right"
	}
	if m.Status == http.StatusRequestEntityTooLarge {
		p.Detail, p.Hint = fmt.Sprintf("the body is larger than %d bytes", ctx.Operation().MaxBodyBytes-1), "send less at once"
		return p, nil
	}
	if m.Status == http.StatusUnsupportedMediaType {
		p.Hint = "send the body with Content-Type: application/json"
	}
	if m.Status == http.StatusInternalServerError {
		p.Detail, p.Hint = "the request could not be read", "send it again"
		return p, nil
	}
	for _, d := range m.Errors {
		if d == nil {
			continue
		}
		path, message := placeOf(d)
		switch {
		case message == "unknown query parameter":
			message, p.Hint = unknownParameter(path, ctx.Operation())
		case message == validation.MsgUnexpectedProperty:
			var hint string
			message, hint = a.unknownMember(path, ctx.Operation())
			p.Hint = cmp.Or(p.Hint, hint)
		}
		p.Errors = append(p.Errors, ProblemDetail{Path: path, Message: message})
	}
	if len(p.Errors) == 1 {
		p.Detail = strings.TrimPrefix(p.Errors[0].Path+": "+p.Errors[0].Message, ": ")
	}
	return p, nil
}

// placeOf is where huma found a mistake, and what it is: a parameter or member by its own name, also where it is missing.
func placeOf(d *huma.ErrorDetail) (path, message string) {
	path, message = d.Location, d.Message
	for _, part := range []string{"body.", "query.", "path.", "header."} {
		if rest, ok := strings.CutPrefix(path, part); ok {
			path = rest
			break
		}
	}
	before, after, _ := strings.Cut(validation.MsgExpectedRequiredProperty, "%s")
	if name, ok := strings.CutPrefix(message, before); ok && strings.HasSuffix(name, after) {
		return strings.TrimPrefix(path+"."+strings.TrimSuffix(name, after), "body."), "missing"
	}
	return path, message
}

// unknownMember says which member of the body may have been meant.
func (a *API) unknownMember(path string, op *huma.Operation) (message, hint string) {
	if op.RequestBody == nil || strings.ContainsAny(path, ".[") {
		return "unknown member", ""
	}
	var known []string
	for _, m := range op.RequestBody.Content {
		schema := m.Schema
		if schema != nil && schema.Ref != "" {
			schema = a.huma.OpenAPI().Components.Schemas.SchemaFromRef(schema.Ref)
		}
		if schema != nil {
			known = slices.Sorted(maps.Keys(schema.Properties))
		}
	}
	if len(known) == 0 {
		return "unknown member", ""
	}
	hint = "members of the body: " + strings.Join(known, ", ")
	if near := nearest(path, known); near != "" {
		return "unknown member; did you mean " + near + "?", hint
	}
	return "unknown member", hint
}

// unknownParameter says which parameter may have been meant.
func unknownParameter(name string, op *huma.Operation) (message, hint string) {
	var known []string
	for _, p := range op.Parameters {
		if p.In == "query" {
			known = append(known, p.Name)
		}
	}
	if len(known) == 0 {
		return "unknown parameter", "this route takes no parameters"
	}
	hint = "parameters of this route: " + strings.Join(known, ", ")
	if near := nearest(name, known); near != "" {
		return "unknown parameter; did you mean " + near + "?", hint
	}
	return "unknown parameter", hint
}
