package connector

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"

	"todosync/mapping"
	"todosync/retry"
)

// The field names of the OAuth 2 client credentials grant (RFC 6749, 4.4).
const (
	oauthGrantType    = "grant_type"
	oauthClientID     = "client_id"
	oauthClientSecret = "client_secret"
	oauthScope        = "scope"
	oauthAccessToken  = "access_token"
	oauthExpiresIn    = "expires_in"
)

// An oauthProgram makes the request for an OAuth 2 token.
type oauthProgram struct {
	send    CredentialsSend
	address *mapping.Template
	fields  []oauthField // in the order in which they are sent
}

type oauthField struct {
	name  string
	value *mapping.Template
	id    bool // the client's id or secret, which CredentialsBasic sends in a header
}

// oauth2 makes a token of OAuth 2 settings: fetched by the client credentials grant, sent as a bearer token, kept as long as the server
// says, and fetched anew after a 401.
func (k *compiler) oauth2(o *OAuth2Settings) *tokenProgram {
	plain := func(path, src string) *mapping.Template {
		return k.template("oauth2."+path, src, mapping.Plain, "", mapping.Each)
	}
	p := &oauthProgram{
		send: cmp.Or(o.Send, CredentialsBody), address: k.template("oauth2.address", o.Address, mapping.Address, "", mapping.Each),
	}
	p.fields = []oauthField{
		{name: cmp.Or(o.Names.GrantType, oauthGrantType), value: plain("names.grantType", "client_credentials")},
		{name: cmp.Or(o.Names.ClientID, oauthClientID), value: plain("clientId", o.ClientID), id: true},
		{name: cmp.Or(o.Names.ClientSecret, oauthClientSecret), value: plain("clientSecret", o.ClientSecret), id: true},
	}
	if o.Scope != "" {
		p.fields = append(p.fields, oauthField{name: cmp.Or(o.Names.Scope, oauthScope), value: plain("scope", o.Scope)})
	}
	for _, name := range slices.Sorted(maps.Keys(o.Params)) {
		p.fields = append(p.fields, oauthField{name: name, value: plain("params."+name, string(o.Params[name]))})
	}
	return &tokenProgram{
		ask: p.render, value: cmp.Or(o.Names.AccessToken, oauthAccessToken), life: cmp.Or(o.Names.ExpiresIn, oauthExpiresIn),
		send: TokenSend{Bearer: true}, status: []int{401},
	}
}

// render makes the request. What it keeps shows no value that was made of a secret; it is never sent again.
func (p *oauthProgram) render(s *mapping.Scope) (rendering, error) {
	out := rendering{wire: retry.Request{Method: "POST"}, stored: SentRequest{Method: "POST"}}
	var err error
	if out.wire.Address, out.stored.Address, err = both(p.address, s); err != nil {
		return out, err
	}
	out.add("Accept", "application/json", "application/json")
	var names, wires, stored, credentials []string
	for _, f := range p.fields {
		b, err := f.value.Append(nil, s, mapping.Wire)
		if err != nil {
			return out, err
		}
		if f.id && p.send == CredentialsBasic {
			credentials = append(credentials, url.QueryEscape(string(b)))
			continue
		}
		kept := string(b)
		if len(f.value.Secrets()) > 0 {
			kept = mapping.Mark(tokenMark)
		}
		names, wires, stored = append(names, f.name), append(wires, string(b)), append(stored, kept)
	}
	if len(credentials) > 0 {
		joined := base64.StdEncoding.EncodeToString([]byte(strings.Join(credentials, ":")))
		if s.Told != nil {
			s.Told(joined)
		}
		out.add("Authorization", "Basic "+joined, "Basic "+mapping.Mark(basicMark))
	}
	contentType, write := "application/x-www-form-urlencoded", formOf
	if p.send == CredentialsJSON {
		contentType, write = "application/json", jsonOf
	}
	out.add("Content-Type", contentType, contentType)
	out.wire.Body, out.stored.Body = []byte(write(names, wires)), write(names, stored)
	return out, nil
}

// formOf writes fields as a form. A mark stays as it is.
func formOf(names, values []string) string {
	out := make([]string, len(names))
	for i, name := range names {
		value := values[i]
		if value != mapping.Mark(tokenMark) {
			value = url.QueryEscape(value)
		}
		out[i] = url.QueryEscape(name) + "=" + value
	}
	return strings.Join(out, "&")
}

// jsonOf writes fields as a JSON object. A mark stays as it is.
func jsonOf(names, values []string) string {
	out := make([]string, len(names))
	for i, name := range names {
		value := `"` + values[i] + `"`
		if values[i] != mapping.Mark(tokenMark) {
			value = quoted(values[i])
		}
		out[i] = quoted(name) + ":" + value
	}
	return "{" + strings.Join(out, ",") + "}"
}

// quoted writes a text as a JSON string.
func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // every string can be written
	}
	return string(b)
}
