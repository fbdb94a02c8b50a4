package mapping

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// ResultRules say how the answers of one OA are read. Paths are plain dotted paths.
type ResultRules struct {
	CodeName, MsgName, DataName       string
	Success                           []string          // codes, compared as text
	XMLJSONField                      string            // the element of an XML answer that holds code and message; empty: out of a web service
	DuplicateCodes, DuplicateMessages []string          // "already there"; messages are parts of the answer's message
	GoneCodes, GoneMessages           []string          // "not there"
	PartialCodes                      []string          // some receivers failed
	PartialAccounts                   string            // the path of their accounts
	Remember                          map[string]string // own codes, each with the path of a value that later requests of the todo need
	WebService                        bool
}

// A Result reads answers by rules that have been checked. It is never changed.
type Result struct {
	r     ResultRules
	field string // local name of the element that holds the answer of a web service
}

// An Answer is what an OA's answer says, after the rules of its connection. Of Success, Duplicate, Gone and Partial at
// most one is set, save that a success may be partial.
type Answer struct {
	Understood                        bool // there was a code, or none is looked for
	Fault                             bool // a SOAP fault; Code and Message are the fault's
	Success, Duplicate, Gone, Partial bool
	Code, Message, Data               string
	Accounts                          []string          // those at PartialAccounts
	Remembered                        map[string]string // the values of ResultRules.Remember; one that the answer lacks is empty
	Why                               string            // when not understood: what was expected, and what is wrong, without the answer's text
	Excerpt                           string            // when not understood: the answer, uncut; mask, then cut to ExcerptLength. Empty for an empty answer
}

// ExcerptLength is how many characters of an answer that is not understood are worth showing. The caller cuts, since what
// is cut in the middle of a secret can no longer be masked.
const ExcerptLength = 500

// CompileResult checks rules. All mistakes come at once, as Errors with the path of the setting.
func CompileResult(r ResultRules) (*Result, error) {
	var errs Errors
	for _, p := range []struct{ name, path string }{
		{"codeName", r.CodeName},
		{"msgName", r.MsgName},
		{"dataName", r.DataName},
		{"xmlJsonField", r.XMLJSONField},
		{"partial.accounts", r.PartialAccounts},
	} {
		if p.path == "" {
			continue
		}
		if err := ValidPath(p.path); err != nil {
			errs = append(errs, &Error{Path: p.name, Err: err})
		}
	}
	for _, code := range slices.Sorted(maps.Keys(r.Remember)) {
		if err := ValidPath(r.Remember[code]); err != nil {
			errs = append(errs, &Error{Path: "remember." + code, Err: err})
		}
	}
	if r.CodeName != "" && len(r.Success) == 0 {
		errs = append(errs, &Error{Path: "successCode", Err: mistake("is missing: which value of %s means success?", "缺少：%s 的哪个值表示成功", r.CodeName)})
	}
	if len(errs) > 0 {
		return nil, errs
	}
	out := &Result{r: r, field: r.XMLJSONField}
	if out.field == "" && r.WebService {
		out.field = "out"
	}
	return out, nil
}

// Read reads an answer. It is Understood where the code was found, or where the rules look for none.
func (r *Result) Read(contentType string, body []byte) Answer {
	a := r.read(contentType, body)
	if len(r.r.Remember) == 0 || a.Fault || !a.Understood {
		return a
	}
	a.Remembered = make(map[string]string, len(r.r.Remember))
	for code, path := range r.r.Remember {
		a.Remembered[code] = r.valueAt(contentType, body, path)
	}
	return a
}

// Refusal reads the body of an answer whose HTTP status is no success: what its code and message are, and whether the rules know
// them as "already there" or "not there". It is never a success, whatever its code.
func (r *Result) Refusal(contentType string, body []byte) Answer {
	a := r.read(contentType, body)
	if a.Fault {
		return a
	}
	a.Success, a.Partial, a.Duplicate, a.Gone = false, false, false, false
	if a.Code == "" && a.Message == "" {
		return Answer{}
	}
	switch {
	case matches(&a, r.r.DuplicateCodes, r.r.DuplicateMessages):
		a.Duplicate = true
	case matches(&a, r.r.GoneCodes, r.r.GoneMessages):
		a.Gone = true
	}
	return a
}

// valueAt finds a value in an answer, also in the JSON that an element of a web service's answer holds.
func (r *Result) valueAt(contentType string, body []byte, path string) string {
	if v, ok := ReadValue(contentType, body, path); ok {
		return v
	}
	if r.field == "" {
		return ""
	}
	inner, _ := ReadValue(contentType, body, r.field)
	if !isJSONObject(strings.TrimSpace(inner)) {
		return ""
	}
	return textAt(inner, path)
}

func (r *Result) read(contentType string, body []byte) Answer {
	text := strings.TrimSpace(string(Decode(contentType, body)))
	if strings.HasPrefix(text, "<") {
		return r.readXML(text)
	}
	if r.r.CodeName == "" {
		a := Answer{Understood: true, Success: true}
		if r.r.MsgName+r.r.DataName+r.r.PartialAccounts != "" && validJSON(text) {
			a.Message, a.Data = textAt(text, r.r.MsgName), textAt(text, r.r.DataName)
			r.partial(&a, accountsAt(text, r.r.PartialAccounts))
		}
		return a
	}
	if text == "" {
		return r.unclear("an empty answer", "")
	}
	if err := jsonError(text); err != nil {
		return r.unclear(err.Error(), text)
	}
	return r.readJSON(text, text)
}

// readJSON reads the members of a JSON text, which is the answer or a part of it.
func (r *Result) readJSON(json, answer string) Answer {
	code, ok := find(json, r.r.CodeName)
	if !ok {
		return r.unclear("no such member", answer)
	}
	a := Answer{Code: code, Message: textAt(json, r.r.MsgName), Data: textAt(json, r.r.DataName)}
	r.judge(&a, accountsAt(json, r.r.PartialAccounts))
	return a
}

// Judge reads what somebody has made of an answer already: a code, a message, and the OA's id of the todo. Where the rules look for no
// code, no code and 0 are a success.
func (r *Result) Judge(code, message, data string) Answer {
	a := Answer{Code: code, Message: message, Data: data}
	r.judge(&a, nil)
	if r.r.CodeName == "" && len(r.r.Success) == 0 && (code == "" || code == "0") {
		a.Success = true
	}
	return a
}

// judge compares the code and the message with the rules.
func (r *Result) judge(a *Answer, accounts []string) {
	a.Understood = true
	switch {
	case slices.Contains(r.r.PartialCodes, a.Code):
		a.Partial, a.Accounts = true, accounts
	case slices.Contains(r.r.Success, a.Code):
		a.Success = true
		r.partial(a, accounts)
	case matches(a, r.r.DuplicateCodes, r.r.DuplicateMessages):
		a.Duplicate = true
	case matches(a, r.r.GoneCodes, r.r.GoneMessages):
		a.Gone = true
	}
}

// partial marks a success that names accounts, where no code is given for it.
func (r *Result) partial(a *Answer, accounts []string) {
	if len(r.r.PartialCodes) == 0 && len(accounts) > 0 {
		a.Partial, a.Accounts = true, accounts
	}
}

func matches(a *Answer, codes, messages []string) bool {
	return slices.Contains(codes, a.Code) ||
		slices.ContainsFunc(messages, func(m string) bool { return m != "" && strings.Contains(a.Message, m) })
}

// unclear is an answer that is not understood.
func (r *Result) unclear(why, text string) Answer {
	want := fmt.Sprintf("want %s in JSON", r.r.CodeName)
	if r.r.WebService {
		want = fmt.Sprintf("want %s in element %s, or an element %s", r.r.CodeName, r.field, r.r.CodeName)
	}
	return Answer{Why: "the answer is not understood: " + want + ", and it is: " + why, Excerpt: text}
}

func jsonError(text string) error {
	p := parser{s: text}
	return p.document(false)
}

// find gives the text of a value of a JSON text that has been checked; null is as absent.
func find(json, path string) (string, bool) {
	v := gjson.Get(json, path)
	if !v.Exists() || v.Type == gjson.Null {
		return "", false
	}
	if v.Type == gjson.JSON {
		return readable(v.Raw), true
	}
	if v.Type == gjson.String {
		return v.String(), true
	}
	return v.Raw, true
}

func textAt(json, path string) string {
	if path == "" {
		return ""
	}
	s, _ := find(json, path)
	return s
}

// readable writes the \u escapes of an object or array as characters, save those of quotes, backslashes and controls.
func readable(raw string) string {
	if !strings.Contains(raw, `\u`) {
		return raw
	}
	b := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); {
		n := 1
		if raw[i] == '\\' {
			n = escapeLength(raw[i:])
		}
		if n == 6 && i+12 <= len(raw) && escapeLength(raw[i+6:]) == 6 && hexRune(raw[i+2:])>>10 == 0xd800>>10 {
			n = 12
		}
		one := raw[i : i+n]
		if n >= 6 {
			if r, _ := utf8.DecodeRuneInString(unquoted(one, true)); r >= utf8.RuneSelf && r != utf8.RuneError {
				one = string(r)
			}
		}
		b = append(b, one...)
		i += n
	}
	return string(b)
}

// accountsAt reads accounts: the elements of an array, or a text that joins them by commas.
func accountsAt(json, path string) []string {
	if path == "" {
		return nil
	}
	v := gjson.Get(json, path)
	if v.IsArray() {
		var out []string
		v.ForEach(func(_, one gjson.Result) bool {
			if s := strings.TrimSpace(one.String()); s != "" && one.Type != gjson.JSON {
				out = append(out, s)
			}
			return true
		})
		return out
	}
	if v.Type != gjson.String && v.Type != gjson.Number {
		return nil
	}
	return splitAccounts(v.String())
}

func splitAccounts(s string) []string {
	var out []string
	for one := range strings.SplitSeq(s, ",") {
		if one = strings.TrimSpace(one); one != "" {
			out = append(out, one)
		}
	}
	return out
}

// ReadValue finds one value in an answer, such as a token: at a path in JSON, in an element of XML by its local name, or,
// for the path text, the whole answer without blanks around it.
func ReadValue(contentType string, body []byte, path string) (string, bool) {
	text := strings.TrimSpace(string(Decode(contentType, body)))
	switch {
	case path == "text":
		if len(text) >= 2 && text[0] == '"' && validJSON(text) {
			text = gjson.Parse(text).String()
		}
		return text, text != ""
	case ValidPath(path) != nil:
		return "", false
	case strings.HasPrefix(text, "<"):
		doc, err := parseXML(text)
		if err != nil {
			return "", false
		}
		return doc.find(path)
	case !validJSON(text):
		return "", false
	}
	return find(text, path)
}
