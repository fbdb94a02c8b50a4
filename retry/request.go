package retry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/hashicorp/go-retryablehttp"
	"golang.org/x/net/http/httpguts"
)

var errBadAddress = errors.New("the address cannot be read")

// newRequest checks what templates and events have filled in and makes the request of it. What is wrong is told without
// the value, which may be secret.
func newRequest(ctx context.Context, x *exchange, r Request, userAgent string) (*retryablehttp.Request, *Error) {
	u, failure := parseAddress(r.Address)
	if failure != nil {
		return nil, failure
	}
	x.host = hostPort(u)
	method := r.Method
	switch {
	case method == "":
		method = http.MethodPost
	case !httpguts.ValidHeaderFieldName(method): // a method is a token, as a header name is
		return nil, unsendable(fmt.Sprintf("the method %q is none; write GET, POST, PUT, PATCH or DELETE", method), nil)
	case method == http.MethodConnect:
		return nil, unsendable("the method CONNECT is for proxies; write GET, POST, PUT, PATCH or DELETE", nil)
	}
	plain := &http.Request{
		Method: method, URL: u, Header: make(http.Header, len(r.Headers)+2),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if failure := setHeaders(plain, r.Headers, userAgent); failure != nil {
		return nil, failure
	}
	req, err := retryablehttp.FromRequest(plain.WithContext(x.join(ctx)))
	if err == nil && len(r.Body) > 0 { // an empty reader would be sent in chunks
		err = req.SetBody(r.Body)
	}
	if err != nil {
		return nil, unsendable("the request cannot be built", err)
	}
	req.GetBody = nil // without it the transport cannot send a body a second time
	return req, nil
}

// parseAddress takes http and https addresses with a host.
func parseAddress(address string) (*url.URL, *Error) {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil {
		return nil, unsendable("the address of the request cannot be read; it must look like http://host:port/path", errBadAddress)
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return nil, unsendable("the address of the request begins with neither http:// nor https://", errBadAddress)
	}
	if u.Hostname() == "" {
		return nil, unsendable("the address of the request names no host", errBadAddress)
	}
	if _, err := strconv.ParseUint(u.Port(), 10, 16); err != nil && u.Port() != "" {
		return nil, unsendable("the port in the address of the request is not a number up to 65535", errBadAddress)
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

// setHeaders puts the headers into the map without touching their names. Four belong to the HTTP client, whatever case
// they are written in: Host and Connection are told to it, Content-Length and Transfer-Encoding it knows better.
func setHeaders(req *http.Request, headers []Header, userAgent string) *Error {
	agent, authorized := false, false
	for _, h := range headers {
		name, value := strings.TrimSpace(h.Name), strings.TrimSpace(h.Value)
		if !httpguts.ValidHeaderFieldName(name) {
			return unsendable(fmt.Sprintf("the header name %q holds a character that header names cannot have", name), nil)
		}
		if !httpguts.ValidHeaderFieldValue(value) {
			return unsendable("the value of the header "+name+" holds a line break or another control character", nil)
		}
		switch strings.ToLower(name) {
		case "content-length", "transfer-encoding":
			continue
		case "host":
			if !httpguts.ValidHostHeader(value) {
				return unsendable("the value of the header Host is no host name", nil)
			}
			req.Host = value
			continue
		case "connection":
			req.Close = req.Close || strings.EqualFold(value, "close")
			continue
		case "user-agent":
			agent = true
		case "authorization":
			authorized = true
		}
		req.Header[name] = append(req.Header[name], value)
	}
	if !agent {
		req.Header["User-Agent"] = []string{userAgent}
	} else if _, written := req.Header["User-Agent"]; !written {
		req.Header["User-Agent"] = []string{""} // else the client adds its own beside the one in another spelling
	}
	if u := req.URL.User; u != nil {
		password, _ := u.Password()
		if !authorized {
			req.Header["Authorization"] = []string{basic(u.Username(), password)}
		}
		req.URL.User = nil
	}
	return nil
}
