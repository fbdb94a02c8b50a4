package oasim

import (
	"net"
	"net/http"
	"strconv"
	"strings"
)

// A reply is an answer on its way out.
type reply struct {
	status int
	kind   string // Content-Type
	header map[string]string
	body   []byte
}

// The content types that the vendors use.
const (
	typeJSON = "application/json;charset=UTF-8"
	typeText = "text/plain;charset=UTF-8"
	typeHTML = "text/html;charset=UTF-8"
	typeXML  = "text/xml;charset=UTF-8"
)

// An exchange is a call together with how it can be answered.
type exchange struct {
	call    *Call
	request request
	step    Step
}

// play answers one call as its step says.
func (s *Sim) play(w http.ResponseWriter, r *http.Request, x exchange) {
	step := x.step
	if step.Do != DoLate && !s.wait(r.Context(), step.delay()) {
		s.end(x.call, reply{})
		panic(http.ErrAbortHandler)
	}
	switch step.Do {
	case DoHang:
		select {
		case <-r.Context().Done():
		case <-s.closed:
		}
		s.drop(w, x.call)
	case DoReset:
		s.drop(w, x.call)
	case DoLost:
		s.act(x.request.run)
		s.drop(w, x.call)
	case DoCut:
		a := s.act(x.request.run)
		s.end(x.call, reply{status: a.status, body: a.body[:len(a.body)/2]})
		a.header = map[string]string{"Content-Length": strconv.Itoa(len(a.body) + 1)}
		a.body = a.body[:len(a.body)/2]
		send(w, a)
		_ = http.NewResponseController(w).Flush() // where it fails the caller sees even less, which is what is wanted
		panic(http.ErrAbortHandler)
	case DoLate:
		a := s.act(x.request.run)
		if !s.wait(r.Context(), step.delay()) {
			s.end(x.call, reply{})
			panic(http.ErrAbortHandler)
		}
		s.end(x.call, a)
		send(w, a)
	default:
		a := s.answer(x)
		s.end(x.call, a)
		send(w, a)
	}
}

// answer makes the answer of the steps that give one at once.
func (s *Sim) answer(x exchange) reply {
	step := x.step
	switch step.Do {
	case DoAnswer:
		return scripted(step)
	case DoRefuse:
		return s.act(func() reply {
			x.call.Effect = EffectRefused
			return x.request.refuse(step.Code, step.Message)
		})
	case DoFault:
		return s.act(func() reply { return x.request.fault(step.Message) })
	case DoGarbage:
		return reply{status: 200, kind: typeJSON, body: []byte("%PDF-1.4\n{\"success\": tru")}
	case DoLoginPage:
		return reply{status: 200, kind: typeHTML, body: []byte(loginPage)}
	case DoGBKPage:
		status := step.Status
		if status == 0 {
			status = 500
		}
		return reply{status: status, kind: "text/html;charset=GBK", body: []byte(gbkPage)}
	case DoHuge:
		size := step.Size
		if size == 0 {
			size = 10 << 20
		}
		const head, tail = `{"success":true,"errorMsgs":["`, `"]}`
		fill := strings.Repeat("x", max(0, size-len(head)-len(tail)))
		return reply{status: 200, kind: typeJSON, body: []byte(head + fill + tail)}
	case DoEmpty:
		return reply{status: 204}
	case DoExpire:
		s.ExpireTokens()
	}
	return s.act(x.request.run)
}

// drop ends the call without an answer.
func (s *Sim) drop(w http.ResponseWriter, c *Call) {
	s.end(c, reply{})
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // a reset, not an orderly end; where the system refuses, the end does as well
		}
		_ = conn.Close() // the caller sees the broken connection either way
		return
	}
	panic(http.ErrAbortHandler) // HTTP/2 and recorders cannot be hijacked
}

// scripted makes the answer that a step spells out; without a body it is a page, as servers give one with an error.
func scripted(step Step) reply {
	a := reply{status: step.Status, kind: typeJSON, header: step.Header, body: []byte(step.Body)}
	switch {
	case step.Status == 204 || step.Status == 304:
		a.kind, a.body = "", nil
	case step.Body == "":
		a = page(step.Status, http.StatusText(step.Status))
		a.header = step.Header
	}
	return a
}

// send writes an answer. Its own headers go over those that are set here, a wrong Content-Length too.
func send(w http.ResponseWriter, a reply) {
	h := w.Header()
	if a.kind != "" {
		h.Set("Content-Type", a.kind)
	}
	if a.status != 204 && a.status != 304 {
		h.Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	for k, v := range a.header {
		h.Set(k, v)
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // a caller that went away is his own affair
}

// page is the HTML error page of an application server.
func page(status int, text string) reply {
	var b strings.Builder
	b.WriteString("<html><head><title>")
	b.WriteString(strconv.Itoa(status))
	b.WriteString("</title></head><body><h1>HTTP Status ")
	b.WriteString(strconv.Itoa(status))
	b.WriteString("</h1><p>")
	b.WriteString(escapeXML(text))
	b.WriteString("</p></body></html>")
	return reply{status: status, kind: typeHTML, body: []byte(b.String())}
}

// plainPage answers whatever comes with one page.
func plainPage(status int, text string) request {
	return request{
		run:    func() reply { return page(status, text) },
		refuse: func(_, message string) reply { return page(status, message) },
		fault:  func(message string) reply { return page(500, message) },
	}
}

// loginPage is what an OA shows to a caller whom it takes for a browser without a session.
const loginPage = `<!DOCTYPE html>
<html><head><meta charset="UTF-8"><title>用户登录</title></head>
<body><form action="/login" method="post"><input name="userName"><input name="password" type="password">
<button>登录</button></form></body></html>
`

// gbkPage says "系统繁忙,请稍后再试" in GBK.
const gbkPage = "<html><head><meta charset=\"GBK\"></head><body>" +
	"\xcf\xb5\xcd\xb3\xb7\xb1\xc3\xa6,\xc7\xeb\xc9\xd4\xba\xf3\xd4\xd9\xca\xd4</body></html>"
