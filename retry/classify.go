package retry

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"syscall"
	"time"
)

var errNotHTTP = errors.New("the answer is not HTTP")

// ClassOfStatus is the class of an answer by its status alone; OK for 2xx.
func ClassOfStatus(status int) Class {
	switch {
	case status >= 200 && status <= 299:
		return OK
	case status >= 300 && status <= 399:
		return HTTP3xx
	case status == http.StatusTooManyRequests:
		return HTTP429
	case status >= 400 && status <= 499:
		return HTTP4xx
	case status >= 500 && status <= 599:
		return HTTP5xx
	}
	return BadAnswer
}

// judge makes an error of a whole answer that is not 2xx.
func judge(host string, res *http.Response, receipt *Receipt) *Error {
	class := ClassOfStatus(res.StatusCode)
	if class == OK {
		return nil
	}
	e := &Error{Class: class, Status: res.StatusCode}
	e.Msg = host + " answered " + strconv.Itoa(res.StatusCode)
	if text := http.StatusText(res.StatusCode); text != "" {
		e.Msg += " " + text
	}
	switch class {
	case HTTP3xx:
		e.Msg += whereTo(res)
	case HTTP429, HTTP5xx:
		e.RetryAfter = retryAfter(res.Header, receipt.Started)
		if e.RetryAfter > 0 {
			e.Msg += ", and asks to wait " + span(e.RetryAfter)
		}
	}
	// A gateway's 502 and 504 say nothing of whether the OA behind it got the request.
	e.Unanswered = res.StatusCode == http.StatusBadGateway || res.StatusCode == http.StatusGatewayTimeout
	e.Msg += adviceOn(res.StatusCode)
	return e
}

func adviceOn(status int) string {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return "; check the token and the credentials"
	case http.StatusNotFound:
		return "; check the path of the address"
	case http.StatusMethodNotAllowed:
		return "; check the method"
	case http.StatusProxyAuthRequired:
		return "; the proxy wants a user and a password: proxy: http://user:password@host:port"
	case http.StatusUnsupportedMediaType:
		return "; check the header Content-Type"
	}
	return ""
}

// whereTo tells a redirect's target without its query, which may hold a ticket. It is whole: whoever keeps it takes secrets
// out first and cuts it then.
func whereTo(res *http.Response) string {
	target, err := res.Location()
	if errors.Is(err, http.ErrNoLocation) {
		return ""
	}
	if err != nil {
		return " to an address that cannot be read"
	}
	shown := (&url.URL{Scheme: target.Scheme, Host: target.Host, Path: target.Path}).String()
	return " to " + shown + ", which is not followed; write the address that answers itself"
}

// An ending says who ended an attempt that did not end by itself.
type ending uint8

const (
	byItself   ending = iota
	byStop            // the caller: the worker stops
	byDeadline        // the caller's own deadline
	byTotal           // Config.Total
)

// endingOf reads it from the contexts, since errors do not tell reliably.
func endingOf(caller, timed context.Context) ending {
	switch {
	case timed.Err() == nil:
		return byItself
	case errors.Is(caller.Err(), context.Canceled):
		return byStop
	case caller.Err() != nil:
		return byDeadline
	}
	return byTotal
}

// unanswered says why the exchange got no answer at all.
func (x *exchange) unanswered(end ending, err error) *Error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // the outer one shows the address
	}
	x.mu.Lock()
	sent, fault, ready := x.sent > 0, x.fault, x.ready
	x.mu.Unlock()
	failure := x.ended(end, ready)
	if errors.Is(fault, ErrWithheld) {
		failure = &Error{Class: Network, Msg: "the request was not sent to its end: another worker may serve this connection by now", Err: fault}
	}
	if failure == nil && !sent {
		failure = x.notSent(err, fault)
	}
	if failure == nil {
		failure = x.silent(fault)
	}
	failure.Unanswered = sent
	return failure
}

// ended tells of an attempt that the worker's stop or the clock ended; nil where neither did.
func (x *exchange) ended(end ending, ready bool) *Error {
	limit := span(x.total)
	switch end {
	case byItself:
		return nil
	case byStop:
		return &Error{Class: Network, Msg: "the worker stopped before the answer came", Err: context.Canceled}
	case byDeadline:
		limit = "the time that was left"
	case byTotal:
	}
	if !ready {
		msg := "no connection to " + x.host + " was ready within " + limit + "; is it slow, or are all connections to it in use?"
		return &Error{Class: Network, Msg: msg, Err: context.DeadlineExceeded}
	}
	return &Error{Class: Timeout, Msg: x.host + " did not answer within " + limit, Err: context.DeadlineExceeded}
}

// notSent says why not one byte of the request left.
func (x *exchange) notSent(err, fault error) *Error {
	connecting, ok := errors.AsType[*connectError](err)
	switch {
	case errors.Is(err, ErrNotAllowed):
		return notAllowed(x.host, refusal(err))
	case ok:
		return x.unconnected(connecting)
	case isRemoteAlert(fault):
		return &Error{Class: TLS, Msg: tlsMessage(x.host, fault), Err: fault}
	case errors.Is(err, errSpeaksFirst), errors.Is(fault, errSpeaksFirst):
		return x.notHTTP()
	}
	return &Error{Class: Network, Msg: x.host + " closed the connection before the request was sent", Err: err}
}

// silent says why no answer came to a request that was, at least in part, sent.
func (x *exchange) silent(fault error) *Error {
	switch {
	case fault == nil: // the connection did its part: what came cannot be read
		return x.notHTTP()
	case isRemoteAlert(fault):
		return &Error{Class: TLS, Msg: tlsMessage(x.host, fault), Err: fault}
	}
	e := &Error{Class: Network, Msg: x.host + " closed the connection before it answered", Err: fault}
	if x.freshTLS() { // in TLS 1.3 the handshake is over before the OA looks at our certificate, and its alert may be lost
		e.Msg += "; if it always does, it may want a certificate of ours (tls.certFile)"
	}
	return e
}

// notHTTP keeps nothing of the client's own error: it quotes what came.
func (x *exchange) notHTTP() *Error {
	msg := "what came from " + x.host + " is not HTTP; check the port, and whether the address begins with https://"
	return &Error{Class: BadAnswer, Msg: msg, Err: errNotHTTP}
}

// broken says why the answer, whose head had come, did not end.
func (x *exchange) broken(end ending, receipt *Receipt, err error) *Error {
	if errors.Is(err, errBadEncoding) {
		msg := "the answer of " + x.host + " says that it is gzip, and is not"
		return &Error{Class: BadAnswer, Msg: msg, Status: receipt.Status, Err: err}
	}
	e := x.ended(end, true)
	x.mu.Lock()
	fault := x.fault
	x.mu.Unlock()
	got := strconv.Itoa(len(receipt.Body)) + " bytes"
	switch {
	case e != nil && e.Class == Timeout:
		e.Msg = x.host + " began its answer but did not end it in time; " + got + " came"
	case e != nil:
	case fault == nil && !brokenOff(err):
		e = &Error{Class: BadAnswer, Msg: "the answer of " + x.host + " is not well-formed HTTP", Err: errNotHTTP}
	default:
		e = &Error{Class: Network, Msg: "the answer of " + x.host + " broke off after " + got, Err: err}
	}
	e.Unanswered = true
	return e
}

// unconnected says at which step, and why, no connection came about.
func (x *exchange) unconnected(e *connectError) *Error {
	whom := e.with
	if e.proxy {
		whom = "the proxy " + e.with
	}
	failure := &Error{Class: Network, Err: e}
	name, isName := errors.AsType[*net.DNSError](e)
	switch {
	case isName && name.IsNotFound:
		failure.Msg = "DNS does not know the name of " + whom + "; check the address"
	case isName:
		failure.Msg = "DNS did not answer for the name of " + whom
	case timedOut(e):
		failure.Msg = "could not connect to " + whom + " within " + span(x.connect) + "; is the address right, and does a firewall let this server through?"
	case e.step == stepProxy && e.status != 0:
		failure.Msg = fmt.Sprintf("the proxy %s does not connect to %s: it answered %d%s", e.with, x.host, e.status, adviceOn(e.status))
	case e.step == stepProxy:
		failure.Msg = "the proxy " + e.with + " broke the connection before it reached " + x.host
	case e.step == stepHandshake && brokenOff(e):
		failure.Msg = whom + " broke the connection during the TLS handshake; if it always does, it may want an older TLS (tls.minVersion, tls.legacyCiphers)"
	case e.step == stepHandshake:
		failure.Class, failure.Msg = TLS, tlsMessage(whom, e.err)
	case errors.Is(e, syscall.ECONNREFUSED):
		failure.Msg = whom + " refused the connection; is it running, and is the port right?"
	case errors.Is(e, syscall.EHOSTUNREACH), errors.Is(e, syscall.ENETUNREACH):
		failure.Msg = "there is no way through the network to " + whom
	default:
		failure.Msg = "could not connect to " + whom
	}
	return failure
}

// passing tells whether a failure to send may be over in a moment.
func passing(err error) bool {
	if errors.Is(err, ErrNotAllowed) || errors.Is(err, errSpeaksFirst) || timedOut(err) {
		return false
	}
	e, ok := errors.AsType[*connectError](err)
	return !ok || e.step != stepHandshake || brokenOff(e)
}

// timedOut tells whether a time limit ended it, whichever layer noticed.
func timedOut(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return true
	}
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}

// refusal is egress's own error within what the dialer wraps around it.
func refusal(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok && errors.Is(op.Err, ErrNotAllowed) {
		return refusal(op.Err)
	}
	return err
}

// span writes a time limit as settings have it: 60s rather than 1m0s.
func span(d time.Duration) string {
	if d%time.Second == 0 {
		return strconv.FormatInt(int64(d/time.Second), 10) + "s"
	}
	return d.String()
}
