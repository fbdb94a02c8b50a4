package script

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"go.starlark.net/starlark"

	"todosync/mapping"
)

// Limits of a run beside those of the sandbox.
const (
	maxTime  = 5 * time.Second // of the script itself, without waiting for hosts
	maxCalls = 10
	maxBody  = 1 << 20 // of a request or an answer, in bytes
	maxTold  = 500     // characters of a message
)

// A Header is one header line of a request or an answer.
type Header struct{ Name, Value string }

// A Request is one HTTP request, complete and with its secrets filled in.
type Request struct {
	Method, Address string
	Headers         []Header
	Body            string
	Auth            bool // of a call: it is to bear the connection's credentials
}

// An Answer is what a host answered to a call, whatever its status.
type Answer struct {
	Status  int
	Headers []Header
	Body    string // as UTF-8
}

// A Host is what a run may use of the world around it.
type Host struct {
	Secret func(name string) (string, error)
	// Secretive reports whether a text holds a secret; Told hears of what a script has made of such a text, which is a secret too.
	Secretive func(text string) bool
	Told      func(made string)
	// Call makes one HTTP call. An error ends the script, and is the error of the run.
	Call func(ctx context.Context, r Request) (Answer, error)
	Now  time.Time
	Zone *time.Location
	UUID func() string
	// Slots bounds how many scripts run at once: a run puts something in while it computes. Nil: no bound.
	Slots chan struct{}
}

// An Input is what a script is given.
type Input struct {
	Request
	Fields                    map[string]string // of Program.Codes, with their values
	Event                     string            // the event's payload, as JSON; may be empty
	Tenant, Connection, Scene string
	Key                       string // the delivery's id
}

// A Result is what a script has returned.
type Result struct {
	Request Request // what is to be sent, unless it is finished

	Finished          bool // the script has made the call itself
	Code, Message, ID string

	Token string        // of a Token script; empty: there is none
	Life  time.Duration // for which the token is good; zero: the script does not say
}

// Run runs the script once. The error is a *mapping.Error with the place in the script, or that of Host.Call.
func (p *Program) Run(ctx context.Context, h Host, in Input) (Result, error) {
	r := &run{ctx: ctx, h: h, left: maxTime}
	r.thread = &starlark.Thread{Name: fileName, Print: func(*starlark.Thread, string) {}}
	r.thread.SetLocal(budgetKey, &budget{left: maxBytes})
	r.thread.SetLocal(runKey, r)
	r.thread.SetMaxExecutionSteps(maxSteps)
	r.thread.OnMaxSteps = func(th *starlark.Thread) { th.Cancel(fmt.Sprintf("it takes more than %d steps", maxSteps)) }
	stop := context.AfterFunc(ctx, func() { r.thread.Cancel("there is no time left for it") })
	defer stop()
	if err := r.enter(); err != nil {
		return Result{}, err
	}
	defer r.pause()
	if ctx.Err() != nil {
		r.thread.Cancel("there is no time left for it")
	}
	out, err := r.execute(p, in)
	switch {
	case r.failed != nil: // whatever the interpreter makes of it
		if e, ok := errors.AsType[*mapping.Error](r.failed); ok && e.Line == 0 && err != nil {
			at := located(err)
			return Result{}, &mapping.Error{Line: at.Line, Column: at.Column, Err: e.Err}
		}
		return Result{}, r.failed
	case err != nil:
		return Result{}, located(err)
	}
	return out, nil
}

// runKey is where a thread keeps its run.
const runKey = "run"

// A run is one run of a script.
type run struct {
	ctx    context.Context
	h      Host
	thread *starlark.Thread
	left   time.Duration // of maxTime
	since  time.Time     // when the script went on computing
	timer  *time.Timer
	calls  int
	failed error // of a call
}

func runOf(th *starlark.Thread) (*run, error) {
	r, ok := th.Local(runKey).(*run)
	if !ok {
		return nil, errors.New("not within a run")
	}
	return r, nil
}

// enter lets the script compute, once there is a slot.
func (r *run) enter() error {
	if r.h.Slots != nil {
		select {
		case r.h.Slots <- struct{}{}:
		case <-r.ctx.Done():
			return &mapping.Error{Err: errors.New("the script did not get its turn in time")}
		}
	}
	r.since = time.Now()
	r.timer = time.AfterFunc(r.left, func() { r.thread.Cancel(fmt.Sprintf("it computes for more than %s", maxTime)) })
	return nil
}

// pause stops the script's clock and gives its slot back. It may be called twice.
func (r *run) pause() {
	if r.timer == nil {
		return
	}
	r.timer.Stop()
	r.timer = nil
	r.left -= time.Since(r.since)
	if r.h.Slots != nil {
		<-r.h.Slots
	}
}

// execute runs the whole script and then its function.
func (r *run) execute(p *Program, in Input) (Result, error) {
	globals, err := p.program.Init(r.thread, library())
	if err != nil {
		return Result{}, err
	}
	request := newRequest(in)
	v, err := starlark.Call(r.thread, globals[string(p.kind)], starlark.Tuple{request}, nil)
	if err != nil {
		return Result{}, err
	}
	if p.kind == Token {
		return tokenResult(v)
	}
	return sendResult(v, request)
}

// located gives an error of the interpreter its place in the script.
func located(err error) *mapping.Error {
	out := &mapping.Error{}
	if e, ok := errors.AsType[*starlark.EvalError](err); ok {
		for _, f := range e.CallStack {
			if f.Pos.Filename() == fileName && f.Pos.Line > 0 {
				out.Line, out.Column = int(f.Pos.Line), int(f.Pos.Col)
			}
		}
	}
	text := strings.TrimPrefix(err.Error(), "Starlark computation cancelled: ")
	if runes := []rune(text); len(runes) > maxTold {
		text = string(runes[:maxTold]) + "..."
	}
	out.Err = errors.New(strings.ToValidUTF8(text, "\uFFFD"))
	return out
}

// sendResult reads what send has returned: nothing or the request for the request as it now is, a dict with code for a finished call, or a
// dict of what is to be sent otherwise.
func sendResult(v starlark.Value, r *requestValue) (Result, error) {
	switch v := v.(type) {
	case starlark.NoneType:
	case *requestValue:
		r = v
	case *starlark.Dict:
		if _, found, _ := v.Get(starlark.String("code")); found {
			return finished(v)
		}
		for _, item := range v.Items() {
			name, _ := starlark.AsString(item[0])
			if err := r.SetField(name, item[1]); err != nil {
				return Result{}, fmt.Errorf("send returns a dict, and of it: %w", err)
			}
		}
	default:
		return Result{}, fmt.Errorf("send returns a %s; want the request, a dict with code and message, or nothing", v.Type())
	}
	out, err := r.request()
	return Result{Request: out}, err
}

func finished(d *starlark.Dict) (Result, error) {
	out := Result{Finished: true}
	for _, item := range d.Items() {
		name, _ := starlark.AsString(item[0])
		text, err := textOf(item[1])
		if err != nil {
			return out, fmt.Errorf("%s of the result: %w", name, err)
		}
		switch name {
		case "code":
			out.Code = text
		case "message":
			out.Message = text
		case "id":
			out.ID = text
		default:
			return out, fmt.Errorf("the result has a member %q; want code, message and id", name)
		}
	}
	return out, nil
}

// tokenResult reads what token has returned: the token, a dict with token and expiresIn, or nothing.
func tokenResult(v starlark.Value) (Result, error) {
	d, isDict := v.(*starlark.Dict)
	if !isDict {
		if v == starlark.None {
			return Result{}, nil
		}
		text, ok := starlark.AsString(v)
		if !ok {
			return Result{}, fmt.Errorf("token returns a %s; want the token as text, a dict with token and expiresIn, or None", v.Type())
		}
		return Result{Token: text}, nil
	}
	var out Result
	for _, item := range d.Items() {
		name, _ := starlark.AsString(item[0])
		switch name {
		case "token":
			if item[1] != starlark.None {
				text, err := textOf(item[1])
				if err != nil {
					return out, err
				}
				out.Token = text
			}
		case "expiresIn":
			seconds, ok := starlark.AsFloat(item[1])
			if !ok || seconds < 0 || seconds > 10*365*24*60*60 {
				return out, errors.New("expiresIn is no number of seconds")
			}
			out.Life = time.Duration(seconds * float64(time.Second))
		default:
			return out, fmt.Errorf("the result has a member %q; want token and expiresIn", name)
		}
	}
	return out, nil
}

// textOf gives text, numbers and booleans as text.
func textOf(v starlark.Value) (string, error) {
	switch v := v.(type) {
	case starlark.String:
		return strings.ToValidUTF8(string(v), "\uFFFD"), nil
	case starlark.Bool:
		if v {
			return "true", nil
		}
		return "false", nil
	case starlark.Int, starlark.Float:
		return v.String(), nil
	case starlark.NoneType:
		return "", nil
	}
	return "", fmt.Errorf("want text, not a %s", v.Type())
}

// bounded refuses texts that are too large for a request.
func bounded(what, s string) (string, error) {
	if len(s) > maxBody {
		return "", fmt.Errorf("%s has %d bytes; at most %d are sent", what, len(s), maxBody)
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	return s, nil
}
