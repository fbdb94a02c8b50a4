package file

import (
	"maps"
	"slices"
	"strings"

	"todosync/connector"
	"todosync/connector/script"
	"todosync/mapping"
)

// token checks how a token is fetched and sent.
func (k *compiler) token() {
	t := k.c.Token
	if t == nil {
		return
	}
	d, r := k.d, t.Request
	if t.Script == "" {
		if r.Method == "" {
			r.Method = "POST"
		}
		k.method("token.request.method", r.Method)
		if d.given("token.request") {
			d.required("token.request.address", r.Address, say("where the token is fetched", "获取令牌的地址"))
		} else {
			d.wrong("token.request", say("is missing: the request that fetches the token", "缺少：获取令牌的请求"))
		}
		if d.required("token.value", t.Value, say("where the token stands in the answer: a path, or `text` for the whole body",
			"令牌在应答中的路径，或 `text` 表示整个应答")) && t.Value != "text" {
			d.checkPath("token.value", t.Value)
		}
	}
	k.script("token.script", t.Script, script.Token, mapping.Each)
	req := request{
		path: "token.request", method: r.Method, address: r.Address, body: r.Body, receivers: mapping.Each,
		contentType: contentType(r.Headers, ""), scope: d.r.sample.bare(k.c),
	}
	k.headers("token.request.headers", r.Headers, req)
	k.request(req)
	k.tokenSend(t)
	if d.given("token.ttl") {
		d.positive("token.ttl", t.TTL)
	}
	for i, status := range t.RefreshOn.Status {
		if status < 100 || status > 599 {
			d.wrong(d.item("token.refreshOn.status", i), say("want an HTTP status such as 401", "应为 HTTP 状态码，如 401"))
		}
	}
}

// tokenSend checks that a token goes to exactly one place.
func (k *compiler) tokenSend(t *connector.TokenSettings) {
	d, places := k.d, 0
	for _, set := range []bool{t.Send.Header != "", t.Send.Query != "", t.Send.Bearer} {
		if set {
			places++
		}
	}
	switch n := d.node("token.send"); {
	case !d.given("token.send"):
		d.wrong("token.send", say("is missing: {header: NAME}, {query: NAME} or {bearer: true}", "缺少：{header: 名称}、{query: 名称} 或 {bearer: true}"))
	case places != 1 && n != nil && !anyBad(n):
		d.wrong("token.send", say("want exactly one of header, query and bearer", "header、query、bearer 须且只须填一个"))
	case t.Send.Header != "" && !validHeader(t.Send.Header):
		d.wrong("token.send.header", say("%q can't be the name of a header", "%q 不能作为请求头名称"), excerpt(t.Send.Header))
	}
}

// anyBad reports whether a member or an item of a node was told to be wrong.
func anyBad(n *node) bool {
	if n == nil {
		return false
	}
	for _, item := range n.items {
		if item.bad {
			return true
		}
	}
	for _, m := range n.members {
		if m.value.bad {
			return true
		}
	}
	return false
}

// credentials checks HTTP Basic and OAuth 2, and that only one setting writes the Authorization header.
func (k *compiler) credentials() {
	d := k.d
	var authorized []string
	if b := k.c.Basic; b != nil {
		authorized = append(authorized, "basic")
		d.required("basic.user", b.User, say("the user's name", "用户名"))
		d.required("basic.password", b.Password, say("the password, such as ${secret:oa-password}", "密码，如 ${secret:oa-password}"))
		k.text("basic.user", b.User)
		k.text("basic.password", b.Password)
		d.plainSecret("basic.password", b.Password)
	}
	if o := k.c.OAuth2; o != nil {
		authorized = append(authorized, "oauth2")
		if d.required("oauth2.address", o.Address, say("where the server gives tokens", "获取令牌的地址")) {
			k.address("oauth2.address", o.Address, mapping.Options{Receivers: mapping.Each}, d.r.sample.bare(k.c))
		}
		d.required("oauth2.clientId", o.ClientID, say("the client's id", "客户端 ID"))
		d.required("oauth2.clientSecret", o.ClientSecret, say("the client's secret, such as ${secret:oa-client}", "客户端密钥，如 ${secret:oa-client}"))
		k.plain("oauth2.clientId", o.ClientID)
		k.plain("oauth2.clientSecret", o.ClientSecret)
		k.plain("oauth2.scope", o.Scope)
		d.plainSecret("oauth2.clientSecret", o.ClientSecret)
		for _, name := range slices.Sorted(maps.Keys(o.Params)) {
			k.plain("oauth2.params."+name, string(o.Params[name]))
		}
		if k.c.Token != nil {
			d.wrong("oauth2", say("token is there too: a request bears one of the two", "同时设置了 token：请求只能携带其中一个"))
		}
	}
	if t := k.c.Token; t != nil && (t.Send.Bearer || strings.EqualFold(t.Send.Header, "Authorization")) {
		authorized = append(authorized, "token.send")
	}
	for name := range k.c.Headers {
		if strings.EqualFold(name, "Authorization") {
			authorized = append(authorized, "headers."+name)
		}
	}
	if len(authorized) > 1 {
		d.wrong(authorized[len(authorized)-1], say("the Authorization header is written by %s too: keep one", "Authorization 请求头还由 %s 设置：请只保留一个"),
			strings.Join(authorized[:len(authorized)-1], ", "))
	}
}

// text compiles a value that is no JSON and no XML, whatever it looks like.
func (k *compiler) text(path, src string) {
	k.template(path, src, mapping.Options{Place: mapping.HeaderValue, Receivers: mapping.Each})
}

// plain compiles a text whose values are not escaped.
func (k *compiler) plain(path, src string) {
	k.template(path, src, mapping.Options{Place: mapping.Plain, Receivers: mapping.Each})
}

// plainSecret warns of a secret that stands in the file itself.
func (d *draft) plainSecret(path, value string) {
	if value != "" && !strings.Contains(value, "${") && d.node(path) != nil {
		d.warn(path, say("a secret stands in the file itself: set it with `todosync secret set` and write ${secret:NAME}",
			"密钥直接写在文件里：请用 `todosync secret set` 保存并写 ${secret:名称}"))
	}
}

// sign checks a signature's settings.
func (k *compiler) sign() {
	s := k.c.Sign
	if s == nil {
		return
	}
	d := k.d
	d.required("sign.over", string(s.Over), say("what is signed: sortedFields, body or template", "签名内容：sortedFields、body 或 template"))
	d.required("sign.hash", string(s.Hash), say("such as md5 or hmac-sha256", "如 md5、hmac-sha256"))
	switch {
	case s.Over == connector.SignTemplate:
		d.required("sign.template", s.Template, say("the text that is signed", "被签名的文本"))
	case s.Template != "":
		d.wrong("sign.template", say("is for over: template only", "只用于 over: template"))
	}
	switch {
	case s.Hash.Keyed():
		d.required("sign.key", s.Key, say("the key, such as ${secret:app}", "密钥，如 ${secret:app}"))
		d.plainSecret("sign.key", s.Key)
	case s.Key != "":
		d.wrong("sign.key", say("is for the hmac hashes only; for others use prefix or suffix", "只用于 hmac；其他哈希请用 prefix 或 suffix"))
	}
	k.signPlace("sign.into", s.Into)
	if t := s.Timestamp; t != nil {
		k.signPlace("sign.timestamp", t.SignPlace)
		if d.required("sign.timestamp.format", t.Format, say("such as epochMillis", "如 epochMillis")) {
			if _, err := mapping.CompileTimeFormat(t.Format); err != nil {
				d.wrong("sign.timestamp.format", say("%s", "%s"), err)
			}
		}
	}
	if s.Encoding == connector.EncodeBase64 && d.given("sign.case") {
		d.wrong("sign.case", say("is for hex only", "只用于 hex"))
	}
	for _, text := range []struct{ path, src string }{
		{"sign.prefix", s.Prefix}, {"sign.suffix", s.Suffix}, {"sign.key", s.Key}, {"sign.template", s.Template},
	} {
		if text.src != "" {
			k.plain(text.path, text.src)
		}
	}
}

func (k *compiler) signPlace(path string, p connector.SignPlace) {
	places := 0
	for _, v := range []string{p.Field, p.Header, p.Query} {
		if v != "" {
			places++
		}
	}
	n := k.d.node(path)
	switch {
	case !k.d.given(path):
		k.d.wrong(path, say("is missing: {field: NAME}, {header: NAME} or {query: NAME}", "缺少：{field: 名称}、{header: 名称} 或 {query: 名称}"))
	case places != 1 && n != nil && !anyBad(n):
		k.d.wrong(path, say("want exactly one of field, header and query", "field、header、query 须且只须填一个"))
	case p.Header != "" && !validHeader(p.Header):
		k.d.wrong(path+".header", say("%q can't be the name of a header", "%q 不能作为请求头名称"), excerpt(p.Header))
	}
}
