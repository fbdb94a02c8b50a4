package connector

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"todosync/connector/script"
	"todosync/mapping"
	"todosync/retry"
)

// CompileOptions are what compiling needs from the process.
type CompileOptions struct {
	Env       func(name string) (string, bool) // values of ${env:NAME} that the server was started with; nil: none
	PublicURL string                           // where browsers reach the server; empty: #F117 and #F118 can't be used
}

// Compile makes a Program of a connection's settings; t is its tenant, nil where the tenant has no file. The error is an
// *Error of kind Invalid with all mistakes in its Details.
func Compile(conn, revision int64, c *Connection, t *Tenant, o CompileOptions) (*Program, error) {
	k := compiler{c: c, o: o}
	k.prepare(t)
	p := &Program{
		Conn: conn, Key: c.Key(), Revision: revision, Settings: c,
		scenes: map[Scene]*sceneProgram{}, policy: policyOf(&c.Retry), fields: k.fields,
	}
	p.Condition.Disabled = !c.Enabled
	for _, s := range Scenes() {
		settings := c.Scenes[s]
		if settings == nil || !settings.Enabled || s == SceneEdit && c.EditAs == EditAsRecreate && settings.Address == "" {
			continue // an edit that is a re-creation needs no request of its own
		}
		p.scenes[s] = k.scene(s, settings)
	}
	if c.Token != nil {
		p.token = k.token(c.Token)
	}
	if c.Basic != nil {
		p.basic = &basicProgram{
			user:     k.template("basic.user", c.Basic.User, mapping.HeaderValue, "", mapping.Each),
			password: k.template("basic.password", c.Basic.Password, mapping.HeaderValue, "", mapping.Each),
		}
	}
	for _, code := range c.remembered() {
		k.template("result.remember", "#"+code, mapping.Body, "", mapping.Each) // as with freeze
	}
	if c.OAuth2 != nil {
		p.token = k.oauth2(c.OAuth2)
		if c.Token != nil {
			k.mistake("oauth2", errors.New("token is there too: a request bears one of the two"))
		}
	}
	if c.Sign != nil {
		p.sign = k.sign(c.Sign)
	}
	for _, code := range c.Freeze {
		k.template("freeze", "#"+code, mapping.Body, "", mapping.Each) // a code that there is not is a mistake
	}
	if c.SignOn != nil {
		p.signOn = k.signOn(c.SignOn)
		if t != nil {
			p.Tenant = TenantOf{SignOn: t.SignOn, Language: t.Language}
		}
	}
	p.signOnURL = signOnURL(o.PublicURL, c)
	p.named, p.env = k.named, k.env
	if len(k.mistakes) > 0 {
		return nil, &Error{
			Kind: Invalid, Op: "compile connection " + c.Key().String(),
			Msg: "its settings have mistakes", Details: k.mistakes,
		}
	}
	return p, nil
}

// A compiler gathers the mistakes of one connection.
type compiler struct {
	c         *Connection
	o         CompileOptions
	fields    *mapping.Fields
	zone      *time.Location
	variables map[string]string
	mistakes  []Detail
	named     []string
	env       map[string]string
}

func (k *compiler) mistake(path string, err error) {
	if err != nil {
		k.mistakes = append(k.mistakes, Detail{Path: path, Message: err.Error()})
	}
}

func (k *compiler) prepare(t *Tenant) {
	k.variables = make(map[string]string, len(k.c.Variables))
	for name, v := range k.c.Variables {
		k.variables[name] = string(v)
	}
	zone, err := time.LoadLocation(k.c.TimeZone)
	if err != nil {
		k.mistake("timeZone", fmt.Errorf("%q is no time zone such as Asia/Shanghai", k.c.TimeZone))
		zone = time.UTC
	}
	k.zone = zone
	own := map[string]mapping.Field{}
	if t != nil {
		maps.Copy(own, t.Fields)
	}
	maps.Copy(own, k.c.Fields)
	if k.fields, err = mapping.ParseFields(own, zone, k.c.TimeFormat); err != nil {
		k.mistake("fields", err)
	}
}

func (k *compiler) template(path, src string, place mapping.Place, contentType string, r mapping.Receivers) *mapping.Template {
	t, err := mapping.Compile(src, mapping.Options{
		Place: place, Variables: k.variables, Fields: k.fields, Receivers: r, Env: k.o.Env, ContentType: contentType,
	})
	k.mistake(path, err)
	if err == nil {
		k.note(t.Secrets())
	}
	if err == nil && k.o.PublicURL == "" && (t.Uses("F117") || t.Uses("F118")) {
		k.mistake(path, fmt.Errorf("#F117 and #F118 are addresses of this server: start it with --public-url"))
	}
	return t
}

// note keeps which secrets and environment variables a template names.
func (k *compiler) note(names []string) {
	for _, name := range names {
		variable, isEnv := strings.CutPrefix(name, "env:")
		switch {
		case !isEnv && !slices.Contains(k.named, name):
			k.named = append(k.named, name)
		case isEnv && k.o.Env != nil:
			if v, ok := k.o.Env(variable); ok {
				if k.env == nil {
					k.env = map[string]string{}
				}
				k.env[variable] = v
			}
		}
	}
}

func (k *compiler) scene(s Scene, settings *SceneSettings) *sceneProgram {
	path := "scenes." + string(s)
	out := &sceneProgram{scene: s, mode: k.c.Receivers}
	if settings.Receivers != nil {
		out.mode = *settings.Receivers
	}
	headers := maps.Clone(k.c.Headers)
	if headers == nil {
		headers = Headers{}
	}
	for name, v := range settings.Headers {
		maps.DeleteFunc(headers, func(have string, _ Text) bool { return strings.EqualFold(have, name) })
		headers[name] = v
	}
	out.request = k.request(path, RequestSettings{
		Method: settings.Method, Address: settings.Address, Headers: headers, Body: settings.Body,
	}, out.mode.As)
	result := k.c.Result
	if settings.Result != nil {
		result = *settings.Result
	}
	var err error
	out.answer, err = mapping.CompileResult(rulesOf(&result, k.c.Protocol))
	k.mistake("result", err)
	if settings.Script != "" {
		out.script = k.script(path+".script", settings.Script, script.Send, out.mode.As)
	} else if settings.Address == "" {
		k.mistake(path+".address", errors.New("is missing"))
	}
	for _, code := range accountCodes {
		out.accounts = out.accounts || out.request.uses(code) || out.script.uses(code)
	}
	out.told = out.request.uses("F126") || out.script.uses("F126")
	return out
}

func (k *compiler) request(path string, s RequestSettings, r mapping.Receivers) requestProgram {
	out := requestProgram{method: s.Method}
	if out.method == "" {
		out.method = "POST"
	}
	contentType := ""
	names := slices.Sorted(maps.Keys(s.Headers))
	for _, name := range names {
		if strings.EqualFold(name, "Content-Type") {
			contentType = string(s.Headers[name])
		}
		out.headers = append(out.headers, headerProgram{
			name:  name,
			value: k.template(path+".headers."+name, string(s.Headers[name]), mapping.HeaderValue, "", r),
		})
	}
	if s.Address != "" {
		out.address = k.template(path+".address", s.Address, mapping.Address, "", r)
	}
	if s.Body != "" {
		place := mapping.Body
		if strings.Contains(strings.ToLower(contentType), "application/x-www-form-urlencoded") {
			place = mapping.Form
		}
		out.body = k.template(path+".body", s.Body, place, contentType, r)
	}
	return out
}

func rulesOf(r *Result, p Protocol) mapping.ResultRules {
	return mapping.ResultRules{
		CodeName: r.CodeName, MsgName: r.MsgName, DataName: r.DataName,
		Success: r.SuccessCode.Strings(), XMLJSONField: r.XMLJSONField,
		DuplicateCodes: r.Duplicate.Codes.Strings(), DuplicateMessages: r.Duplicate.Messages.Strings(),
		GoneCodes: r.Gone.Codes.Strings(), GoneMessages: r.Gone.Messages.Strings(),
		PartialCodes: r.Partial.Codes.Strings(), PartialAccounts: r.Partial.Accounts,
		Remember:   r.Remember,
		WebService: p == WebService,
	}
}

func policyOf(r *RetrySettings) retry.Policy {
	p := retry.Policy{
		Enabled: r.Enabled, On: r.On, GiveUpAfter: time.Duration(r.GiveUpAfter),
		Codes: r.Codes.Strings(), Messages: r.Messages.Strings(),
	}
	for _, d := range r.Schedule {
		p.Schedule = append(p.Schedule, time.Duration(d))
	}
	return p
}

// signOnURL is the sign-on address of a connection, up to its name.
func signOnURL(public string, c *Connection) string {
	vendor := "generic"
	if c.SignOn != nil && c.SignOn.Vendor != "" {
		vendor = string(c.SignOn.Vendor)
	}
	return strings.TrimRight(public, "/") + "/oa/" + url.PathEscape(vendor) + "/" + url.PathEscape(c.Tenant) + "/" +
		url.PathEscape(c.Name)
}
