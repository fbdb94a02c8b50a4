package oasim

import (
	"fmt"
	"net/http"
	"strings"
)

// weaver is Weaver e-cology's unified todo centre (OFS), over REST and as a web service. A flow is known by syscode,
// flowid and receiver.
type weaver struct{ sim *Sim }

const (
	weaverREST      = "/rest/ofs/"
	weaverService   = "/services/OfsTodoDataWebService"
	weaverNamespace = "webservices.ofs.weaver.com.cn"
)

// A weaverVerb is an operation without the form of its argument, in the spelling of the web service.
type weaverVerb string

const (
	weaverReceive    weaverVerb = "receiveRequestInfo"
	weaverTodo       weaverVerb = "receiveTodoRequest"
	weaverDone       weaverVerb = "processDoneRequest"
	weaverOver       weaverVerb = "processOverRequest"
	weaverCC         weaverVerb = "receiveCCRequest"
	weaverDeleteUser weaverVerb = "deleteUserRequestInfo"
	weaverDeleteAll  weaverVerb = "deleteRequestInfo" // general knowledge, not documented
)

// weaverVerbs are all verbs. None is the beginning of another, so that a name is taken apart in one way only.
func weaverVerbs() []weaverVerb {
	return []weaverVerb{weaverReceive, weaverTodo, weaverDone, weaverOver, weaverCC, weaverDeleteUser, weaverDeleteAll}
}

// rest is the spelling in REST addresses: the first letter of all but the deletes is a capital.
func (v weaverVerb) rest() string {
	if strings.HasPrefix(string(v), "delete") {
		return string(v)
	}
	return strings.ToUpper(string(v[:1])) + string(v[1:])
}

// soap is the spelling in the web service.
func (v weaverVerb) soap() string { return string(v) }

// weaverName takes an operation's name apart: the verb, empty for none, and the form of its argument.
func weaverName(name string, spell func(weaverVerb) string) (verb weaverVerb, form string) {
	for _, w := range weaverVerbs() {
		if form, ok := strings.CutPrefix(name, spell(w)); ok && (form == "ByJson" || form == "ByMap" || form == "ByXml") {
			return w, form
		}
	}
	return "", ""
}

// A weaverResult is the answer of every operation.
type weaverResult struct {
	Syscode    string `json:"syscode"`
	DataType   string `json:"dataType"`
	OperType   string `json:"operType"`
	OperResult string `json:"operResult"`
	Message    string `json:"message"`
}

// xml is the answer of the operations whose names end with ByXml.
func (r weaverResult) xml() string {
	return "<ResultInfo><syscode>" + escapeXML(r.Syscode) + "</syscode><dataType>" + r.DataType + "</dataType><operType>" +
		r.OperType + "</operType><operResult>" + r.OperResult + "</operResult><message>" + escapeXML(r.Message) +
		"</message></ResultInfo>"
}

// read serves REST; the web service branches off first. What the real server throws is an HTML page with status 500 here.
func (v *weaver) read(c *Call) request {
	if c.Path == weaverService {
		return v.readSOAP(c)
	}
	name, _ := strings.CutPrefix(c.Path, weaverREST)
	verb, form := weaverName(name, weaverVerb.rest)
	if verb == "" {
		return plainPage(404, "Not Found")
	}
	var f fields
	var err error
	if form == "ByXml" {
		var root *element
		if root, err = readXML(c.Body); err == nil {
			f = root.fields()
		}
	} else {
		f, err = readJSON(c.Body)
	}
	v.describe(c, verb, f)
	write := func(r weaverResult) reply {
		if form == "ByXml" {
			return reply{status: 200, kind: typeXML, body: []byte(r.xml())}
		}
		return asJSON(200, r)
	}
	return request{
		run: func() reply {
			switch {
			case c.Method != http.MethodPost:
				return page(405, "Method Not Allowed")
			case form != "ByXml" && !strings.Contains(c.Header.Get("Content-Type"), "json"):
				return page(415, "Unsupported Media Type")
			case err != nil:
				return page(500, "java.lang.Exception: "+err.Error())
			}
			r, err := v.handle(c, verb, f)
			if err != nil {
				return page(500, "java.lang.Exception: "+err.Error())
			}
			return write(r)
		},
		refuse: func(_, message string) reply { return write(v.refusal(f, message)) },
		fault:  func(message string) reply { return page(500, message) },
	}
}

// readSOAP serves the web service; SOAPAction is not looked at, as the real one does not.
func (v *weaver) readSOAP(c *Call) request {
	if c.Method == http.MethodGet && strings.EqualFold(c.Query, "wsdl") {
		c.Op = OpQuery
		var ops []string
		for _, w := range weaverVerbs() {
			ops = append(ops, string(w)+"ByJson", string(w)+"ByXml")
		}
		answer := func() reply { return wsdl(weaverNamespace, "OfsTodoDataWebService", weaverService, ops) }
		r := plainPage(200, "")
		r.run = answer
		return r
	}
	e, err := readEnvelope(c.Body)
	var verb weaverVerb
	var form string
	var f fields
	if err == nil {
		verb, form, f, err = weaverOperation(e.operation)
	}
	v.describe(c, verb, f)
	write := func(r weaverResult) reply {
		text := r.xml()
		if form != "ByXml" {
			text = string(asJSON(200, r).body)
		}
		op := string(verb) + form + "Response"
		out := styled(v.sim.config.Style, weaverNamespace, "out", text)
		return e.reply(`<ns1:` + op + ` xmlns:ns1="` + weaverNamespace + `">` + out + `</ns1:` + op + `>`)
	}
	return request{
		run: func() reply {
			if c.Method != http.MethodPost {
				return page(405, "Method Not Allowed")
			}
			if err != nil {
				return e.fault(err.Error())
			}
			r, err := v.handle(c, verb, f)
			if err != nil {
				return e.fault(err.Error())
			}
			return write(r)
		},
		refuse: func(_, message string) reply { return write(v.refusal(f, message)) },
		fault:  e.fault,
	}
}

// weaverOperation reads an operation and its one parameter.
func weaverOperation(op *element) (verb weaverVerb, form string, f fields, err error) {
	verb, form = weaverName(op.name.Local, weaverVerb.soap)
	if verb == "" || op.name.Space != weaverNamespace {
		return verb, form, nil, fmt.Errorf("Invalid operation: {%s}%s", op.name.Space, op.name.Local)
	}
	in := op.child(weaverNamespace, "in0")
	if in == nil {
		return verb, form, nil, fmt.Errorf("%s: in0 is missing", op.name.Local)
	}
	switch form {
	case "ByMap":
		f = fields{}
		for _, entry := range in.children {
			f[entry.child(entry.name.Space, "key").content()] = entry.child(entry.name.Space, "value").content()
		}
	case "ByXml":
		var root *element
		if root, err = readXML(in.text); err == nil {
			f = root.fields()
		}
	default:
		f, err = readJSON(in.text)
	}
	return verb, form, f, err
}

// content is an element's text, empty for one that is not there.
func (e *element) content() string {
	if e == nil {
		return ""
	}
	return e.text
}

// describe notes in the call what it is about.
func (v *weaver) describe(c *Call, verb weaverVerb, f fields) {
	c.App, c.Todo = f.text("syscode"), f.text("flowid")
	account := f.text("receiver")
	switch verb {
	case weaverReceive:
		c.Op = map[string]Op{"2": OpDone, "4": OpDone, "8": OpMessage}[f.text("isremark")]
		if c.Op == "" {
			c.Op = OpCreate
		}
	case weaverTodo:
		c.Op = OpCreate
	case weaverDone, weaverOver:
		c.Op = OpDone
	case weaverCC:
		c.Op = OpMessage
	case weaverDeleteUser:
		c.Op, account = OpDelete, f.text("userid")
	case weaverDeleteAll:
		c.Op, account = OpDelete, ""
	}
	if account != "" {
		c.Accounts = []string{account}
	}
}

// refusal is a refusal by script.
func (v *weaver) refusal(f fields, message string) weaverResult {
	return weaverResult{f.text("syscode"), "WfData", "Check", "0", message}
}
