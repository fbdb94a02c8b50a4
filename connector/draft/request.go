package draft

import (
	"maps"
	"net/url"
	"slices"
	"strings"
)

// A result is how an answer is read, as far as is known.
type result struct {
	code, message string
	success       []string
	element       string // of XML, that holds JSON or children
}

// A request is one sample on its way to a scene.
type request struct {
	scene   string
	method  string
	base    string // scheme and host, empty where the sample has none
	path    string
	parts   []pathPart
	query   *form
	headers []headerField
	body    document
	source  string // of the body
	leaves  []*leaf
	vendor  *vendor
	result  result
	notes   []phrase
	user    *leaf // of HTTP Basic
	pass    *leaf
	proxy   string
	unsafe  bool
	list    bool // receivers stand in a list
	b       *builder
}

type pathPart struct {
	text string
	leaf *leaf
}

type headerField struct {
	name string
	leaf *leaf
}

// An ownField is a code that the draft defines.
type ownField struct{ code, from, format string }

// own are headers that the client makes itself, or that say who calls from a browser.
var own = []string{
	"host", "content-length", "connection", "user-agent", "accept-encoding", "origin", "referer", "cookie", "postman-token", "cache-control", "pragma", "expect", "transfer-encoding",
	"accept-language", "dnt", "upgrade-insecure-requests", "priority", "te", "date",
}

// request reads a sample and decides what stands in place of its values.
func (b *builder) request(s *sample) error {
	r := &request{b: b, method: s.method, proxy: s.proxy, unsafe: s.unsafe, notes: s.notes, source: s.body}
	c := &collector{}
	if err := r.address(c, s.url); err != nil {
		return err
	}
	r.readHeaders(c, s)
	if err := r.readBody(c, s); err != nil {
		return err
	}
	if b.leaves += len(c.leaves); b.leaves > maxLeaves {
		return b.wrong("more than %d values", "超过 %d 个值", maxLeaves)
	}
	r.leaves = c.leaves
	for _, l := range r.leaves {
		l.typ, l.absent = s.types[l.at()], s.optional[l.at()]
	}
	if r.method == "" {
		r.method = "POST"
	}
	r.vendor = vendorOf(s.url+" "+s.header("SOAPAction")+" "+namespaces(s.body), r.leaves)
	r.scene = b.sceneOf(r, s)
	if s.basic {
		r.user = r.credential("user", s.user)
		r.pass = r.credential("password", s.secret)
	}
	g := &guesser{leaves: r.leaves, vendor: r.vendor, secret: r.hide}
	g.guess()
	if b.o.CRMLinks {
		r.linkCRM()
	}
	b.heed(r)
	if again := r.optional(s); again != nil {
		return b.request(again)
	}
	if r.user != nil {
		r.leaves = append(r.leaves, r.user, r.pass)
	}
	r.receivers()
	r.readResult(s)
	if r.vendor != nil && r.vendor.note != (phrase{}) {
		r.notes = append(r.notes, r.vendor.note)
	}
	b.requests = append(b.requests, r)
	return nil
}

// linkCRM has addresses of todos lead straight to the CRM.
func (r *request) linkCRM() {
	for _, l := range r.leaves {
		for i, p := range l.pieces {
			switch {
			case p.hole && p.text == "#F117":
				l.pieces[i].text, l.reason = "#F109", say("an address for PCs, straight to the CRM", "PC 地址，直达 CRM")
			case p.hole && p.text == "#F118":
				l.pieces[i].text, l.reason = "#F110", say("an address for phones, straight to the CRM", "手机地址，直达 CRM")
			}
		}
	}
}

// optional leaves empty what may be left out and nothing fits: a text as an empty one; of another type, which an empty one is not, not at
// all. It gives the sample without such, nil where there are none.
func (r *request) optional(s *sample) *sample {
	skip := map[string]bool{}
	for _, l := range r.leaves {
		switch {
		case !l.absent || l.verdict != open:
		case l.typ == "string" || l.typ == "":
			l.keep(say("may be left out, and nothing fits: empty", "可省略且无对应字段：留空"))
		default:
			skip[l.at()] = true
		}
	}
	if len(skip) == 0 || s.again == nil {
		return nil
	}
	next := *s
	next.body, next.again = s.again(skip), nil
	names := slices.Sorted(maps.Keys(skip))
	next.notes = append(slices.Clone(s.notes), say("left out, as they need not be there: "+strings.Join(names, ", "), "已省略的可选项："+strings.Join(names, "、")))
	return &next
}

// address takes an address apart. Host and port become a variable; what looks like a value in path and query is one.
func (r *request) address(c *collector, address string) error {
	address = strings.TrimSpace(address)
	if address == "" {
		return nil
	}
	rest := address
	if scheme, after, found := strings.Cut(address, "://"); found {
		host, path, _ := strings.Cut(after, "/")
		if i := strings.IndexByte(host, '?'); i >= 0 {
			host, path = host[:i], after[i:]
		} else {
			path = "/" + path
		}
		if at := strings.LastIndexByte(host, '@'); at >= 0 { // user:password@host
			user, password, _ := strings.Cut(host[:at], ":")
			r.user, r.pass = r.credential("user", unescaped(user)), r.credential("password", unescaped(password))
			host = host[at+1:]
		}
		if braced.MatchString(host) || strings.ContainsAny(host, "{}<>$ ") {
			r.base = "" // the manual's word for the host
		} else if _, err := url.Parse(scheme + "://" + host); err == nil && (strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https")) {
			r.base = strings.ToLower(scheme) + "://" + host
		} else {
			return r.b.wrong("%q is not an address of http or https", "%q 不是 http 或 https 地址", r.b.mask(scheme+"://"+host))
		}
		rest = path
	} else if i := strings.IndexByte(rest, '/'); i > 0 && (strings.ContainsAny(rest[:i], "{}<>$") || strings.Contains(rest[:i], ".") || strings.Contains(rest[:i], ":")) {
		if !strings.ContainsAny(rest[:i], "{}<>$") {
			r.base = "http://" + rest[:i] // host/path, as curl takes it
		}
		rest = rest[i:]
	}
	rest, _, _ = strings.Cut(rest, "#")
	path, query, _ := strings.Cut(rest, "?")
	if !strings.HasPrefix(path, "/") && path != "" {
		path = "/" + path
	}
	r.path = path
	r.segments(c, path)
	if query != "" {
		r.query = c.form(query, inQuery)
	}
	return nil
}

func unescaped(s string) string {
	if out, err := url.PathUnescape(s); err == nil {
		return out
	}
	return s
}

// segments finds the values in a path: ids behind the name of what they are of, and what a manual has put in braces.
func (r *request) segments(c *collector, path string) {
	before := ""
	for i, part := range strings.Split(path, "/") {
		value := unescaped(part)
		p := pathPart{text: part}
		switch name := spoken(value); {
		case i == 0:
		case name != "":
			p.leaf = c.add(&leaf{where: inPath, path: []string{name}, sample: value})
		case shapeOf(value) == idShape && (len(value) >= 12 || strings.ContainsAny(value, "-_")) && before != "":
			p.leaf = c.add(&leaf{where: inPath, path: []string{before, "id"}, sample: value})
		case shapeOf(value) == objectShape:
			p.leaf = c.add(&leaf{where: inPath, path: []string{"object"}, sample: value})
		}
		before = value
		r.parts = append(r.parts, p)
	}
}

// template is the address as a template.
func (r *request) template(base string) string {
	parts := make([]string, len(r.parts))
	for i, p := range r.parts {
		parts[i] = shield(p.text)
		if p.leaf != nil && (p.leaf.changed() || p.leaf.pieces != nil) {
			parts[i] = r.right(p.leaf)
		}
	}
	out := base + strings.Join(parts, "/")
	if len(parts) == 0 {
		out = base + "/"
	}
	if r.query != nil {
		out += "?" + r.query.text()
	}
	return out
}

func (r *request) readHeaders(c *collector, s *sample) {
	for _, h := range s.headers {
		lower := strings.ToLower(h.name)
		if slices.Contains(own, lower) || strings.HasPrefix(lower, "sec-") || lower == "authorization" && s.basic {
			if lower == "cookie" {
				r.notes = append(r.notes, say("the sample sends a cookie; a worker has none: ask how other systems log in (token, Basic)", "样例带有 Cookie；后台程序没有 Cookie：请询问系统间的登录方式（令牌、Basic）"))
			}
			continue
		}
		l := c.add(&leaf{where: inHeader, path: []string{h.name}, sample: h.value})
		if lower == "authorization" {
			l.fill(Likely, say("a credential", "凭证"), literal(h.value)) // split below
			scheme, value, found := strings.Cut(h.value, " ")
			if !found {
				scheme, value = "", h.value
			} else {
				scheme += " "
			}
			l.verdict = hidden
			name := r.b.secretNamed(value, "token")
			l.pieces = []piece{literal(scheme), hole("${secret:" + name + "}")}
			r.tokenNote()
		}
		if lower == "content-type" || lower == "accept" || lower == "soapaction" || strings.HasPrefix(lower, "accept") {
			l.keep(say("what the interface speaks", "接口的格式声明"))
			l.shape = textShape
		}
		r.headers = append(r.headers, headerField{h.name, l})
	}
}

func (r *request) tokenNote() { r.notes = append(r.notes, tokenAnew) }

var tokenAnew = say("a token that ends has to be fetched anew: describe its request under token, and take it out of here", "会过期的令牌需要重新获取：请在 token 下描述获取请求，并从此处移除")

func (r *request) readBody(c *collector, s *sample) error {
	if s.form != nil {
		f := &form{}
		for _, x := range s.form.fields {
			f.add(c, inBody, x.name, x.leaf.sample)
		}
		r.body = f
		s.addOnce("Content-Type", "application/x-www-form-urlencoded")
		r.ensure("Content-Type", "application/x-www-form-urlencoded;charset=UTF-8")
		return nil
	}
	body := strings.TrimSpace(s.body)
	if body == "" {
		return nil
	}
	contentType := strings.ToLower(s.header("Content-Type"))
	switch {
	case body[0] == '{' || body[0] == '[':
		doc, err := c.json(body, nil, inBody, false)
		if err != nil {
			return err
		}
		r.body = doc
		r.ensure("Content-Type", "application/json;charset=UTF-8")
	case body[0] == '<':
		doc, err := c.xml(body, nil, inBody)
		if err != nil {
			return err
		}
		r.body = doc
		r.ensure("Content-Type", "text/xml;charset=UTF-8")
		if strings.Contains(body, "http://schemas.xmlsoap.org/soap/envelope/") {
			r.ensure("SOAPAction", `""`)
		}
	case strings.Contains(contentType, "form-urlencoded") || strings.Contains(body, "=") && !strings.ContainsAny(body, " \n"):
		r.body = c.form(body, inBody)
		r.ensure("Content-Type", "application/x-www-form-urlencoded;charset=UTF-8")
	default:
		r.body = plain{body}
	}
	return nil
}

// ensure adds a header that the sample does not show and the request needs.
func (r *request) ensure(name, value string) {
	for _, h := range r.headers {
		if strings.EqualFold(h.name, name) {
			return
		}
	}
	l := &leaf{where: inHeader, path: []string{name}, sample: value, shape: textShape}
	l.keep(say("what the interface speaks", "接口的格式声明"))
	r.headers = append(r.headers, headerField{name, l})
}

func (r *request) credential(what, value string) *leaf {
	l := &leaf{where: inAuth, path: []string{what}, sample: value, shape: shapeOf(value)}
	r.hide(l, what)
	l.reason = say("of HTTP Basic", "HTTP Basic 认证")
	return l
}

// hide puts a secret in a value's place.
func (r *request) hide(l *leaf, what string) {
	l.verdict, l.sureness = hidden, Likely
	l.reason = say("by its name a secret: its value is not written down", "从名称看是密钥：不写入其值")
	l.pieces = []piece{hole("${secret:" + r.b.secretNamed(l.sample, what) + "}")}
	m := meaning(what)
	if w := words(what); l.where != inAuth && m&secret != 0 && slices.ContainsFunc(w, func(s string) bool {
		return strings.HasSuffix(s, "token") || s == "ticket" || s == "lingpai" || s == "令牌"
	}) {
		r.tokenNote()
	}
	if w := words(what); slices.ContainsFunc(w, func(s string) bool { return strings.HasPrefix(s, "sign") || s == "qianming" || s == "签名" }) {
		r.notes = append(r.notes, say("a signature is computed over the other fields: describe how under sign, and take it out of here", "签名由其他字段计算：请在 sign 下描述，并从此处移除"))
	}
}

// tells reports whether the request says a placeholder's value anywhere.
func (r *request) tells(code string) bool {
	return slices.ContainsFunc(r.leaves, func(l *leaf) bool { return l.holds(code) })
}

// right is what stands in a value's place. A time that the OA wants in a format of its own has a field of its own.
func (r *request) right(l *leaf) string {
	return l.right()
}

// preset is the vendor's that speaks as the sample does.
func (r *request) preset() string {
	_, isXML := r.body.(*xmlDoc)
	switch p := r.vendor.preset; {
	case p == "weaver" && isXML:
		return "weaver-soap"
	case p == "landray" && !isXML && r.body != nil:
		return "landray-rest"
	default:
		return p
	}
}

// receivers keeps one element of a list of receivers: it is written once for each.
func (r *request) receivers() {
	doc, ok := r.body.(*jsonDoc)
	if !ok {
		return
	}
	doc.lists(func(n *jsonNode) {
		if len(n.members) == 0 || !n.members[0].value.names("F001") {
			return
		}
		if len(n.members) > 1 {
			r.list = true
			for _, m := range n.members[1:] {
				m.value.each(func(l *leaf) { r.leaves = slices.DeleteFunc(r.leaves, func(o *leaf) bool { return o == l }) })
			}
			n.members = n.members[:1]
			return
		}
		r.notes = append(r.notes, say("the receiver stands in a list: receivers: {as: list, max: 100} tells several in one call, if the OA takes them", "接收人位于列表中：若 OA 支持，可用 receivers: {as: list, max: 100} 一次推送多人"))
	})
}

// names reports whether a value is or holds a placeholder.
func (n *jsonNode) names(code string) bool {
	found := false
	n.each(func(l *leaf) { found = found || l.holds(code) })
	return found
}

func (n *jsonNode) each(do func(l *leaf)) {
	if n.leaf != nil {
		do(n.leaf)
	}
	if inner, ok := n.doc.(*jsonDoc); ok {
		inner.root.each(do)
	}
	for _, m := range n.members {
		m.value.each(do)
	}
}

// namespaces are the first words of an XML sample, where namespaces and the operation stand.
func namespaces(body string) string {
	const most = 4 << 10
	if !strings.HasPrefix(strings.TrimSpace(body), "<") {
		return ""
	}
	return body[:min(len(body), most)]
}
