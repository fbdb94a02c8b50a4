package draft

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// unknownTenant stands where nobody has said whose connection it is.
const unknownTenant = "TENANT"

// defaultTimeFormat is that of a connection that says none.
const defaultTimeFormat = "yyyy-MM-dd HH:mm:ss"

// settings writes the file of a draft.
type settings struct {
	b   *builder
	d   *Draft
	out strings.Builder

	timeFormat string
	fields     []ownField
	bases      []string // addresses of hosts, in the order of their variables
}

func (f *settings) line(indent int, format string, args ...any) {
	f.out.WriteString(strings.Repeat(" ", indent))
	fmt.Fprintf(&f.out, format, args...)
	f.out.WriteByte('\n')
}

// comment writes one line that people read and nothing else does.
func (f *settings) comment(indent int, text string) {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0xfeff {
			return ' '
		}
		return r
	}, text)
	f.line(indent, "# %s", f.b.mask(strings.TrimSpace(text)))
}

func (f *settings) say(en, zh string, args ...any) string { return f.b.say(en, zh, args...) }

func (f *settings) write() string {
	b := f.b
	f.head()
	f.line(0, "apiVersion: todosync/v1")
	f.line(0, "kind: Connection")
	f.line(0, "tenant: %q", cmp.Or(b.o.Tenant, unknownTenant))
	f.line(0, "name: %s", scalar(b.o.Name))
	f.protocol()
	if f.timeFormat != "" {
		f.line(0, "timeFormat: %s", scalar(f.timeFormat))
	}
	f.line(0, "variables:")
	for i, base := range f.bases {
		f.line(2, "%s: %s", baseName(i), scalar(shield(base)))
	}
	shared := f.sharedHeaders()
	f.headers(0, shared)
	f.result()
	f.auth()
	f.token()
	if len(f.fields) > 0 {
		f.line(0, "fields:")
		for _, x := range f.fields {
			f.line(2, "%s: {from: %s, format: %s, label: %s}", x.code, x.from, scalar(x.format), scalar(labelOf(x.from).in(b.o.Lang)))
		}
	}
	if slices.ContainsFunc(b.requests, func(r *request) bool { return r.list }) {
		f.line(0, "receivers: list")
	}
	f.line(0, "scenes:")
	written := map[string]bool{}
	for _, r := range b.requests {
		if written[r.scene] {
			continue
		}
		written[r.scene] = true
		f.scene(r, shared)
	}
	return f.out.String()
}

// head says what the file is, and what is left to do.
func (f *settings) head() {
	f.formats()
	all := f.b.requests
	if f.b.logIn != nil {
		all = append(slices.Clone(all), f.b.logIn.request)
	}
	for _, r := range all {
		if base := cmp.Or(r.base, "http://oa.example.com"); !slices.Contains(f.bases, base) {
			f.bases = append(f.bases, base)
		}
	}
	f.comment(0, f.say("Drafted from a sample. Look at each line: render --explain shows what becomes of it.", "由样例起草。请逐行检查：render --explain 可查看每行的结果。"))
	if f.d.Preset != "" {
		f.comment(0, f.say("This is %s's interface: preset %s has all of its scenes (todosync connections new --preset %s).", "这是%s的接口：预设 %s 已包含全部场景（todosync connections new --preset %s）。", f.d.Vendor, f.d.Preset, f.d.Preset))
	}
	if len(f.d.Decisions) > 0 {
		f.comment(0, f.say("To decide:", "待确认："))
		for _, x := range f.d.Decisions {
			f.comment(0, "- "+x)
		}
	}
}

// formats chooses the connection's time format, the one that most times have, and gives others fields of their own.
func (f *settings) formats() {
	count := map[string]int{}
	var times []*leaf
	for _, r := range f.b.requests {
		for _, l := range r.leaves {
			if l.verdict == filled && l.format != "" {
				times = append(times, l)
				count[l.format]++
			}
		}
	}
	best := defaultTimeFormat
	for _, l := range times {
		if !strings.HasPrefix(l.format, "epoch") && l.format != "rfc3339" && count[l.format] > count[best] {
			best = l.format
		}
	}
	if best != defaultTimeFormat {
		f.timeFormat = best
	}
	for _, l := range times {
		if l.format == best {
			continue
		}
		from := strings.TrimPrefix(l.pieces[0].text, "#")
		i := slices.IndexFunc(f.fields, func(x ownField) bool { return x.from == from && x.format == l.format })
		if i < 0 {
			i = len(f.fields)
			f.fields = append(f.fields, ownField{fmt.Sprintf("F%d", 201+i), from, l.format})
		}
		l.pieces[0].text = "#" + f.fields[i].code
	}
	for i := range f.d.Guesses { // they were made before
		g := &f.d.Guesses[i]
		for _, x := range f.fields {
			if g.Kind == "placeholder" && g.Right == "#"+x.from && f.leafAt(i).format == x.format {
				g.Right = "#" + x.code
				g.Reason += f.say(" (as %s: field %s)", "（格式 %s：字段 %s）", x.format, x.code)
			}
		}
	}
}

// leafAt is the leaf of a guess.
func (f *settings) leafAt(i int) *leaf {
	for _, r := range f.b.requests {
		if i < len(r.leaves) {
			return r.leaves[i]
		}
		i -= len(r.leaves)
	}
	return &leaf{}
}

func baseName(i int) string {
	if i == 0 {
		return "base"
	}
	return fmt.Sprintf("base%d", i+1)
}

func (f *settings) protocol() {
	protocol := "rest"
	for _, r := range f.b.requests {
		if r.body != nil && r.body.kind() == "xml" {
			protocol = "webservice"
		}
	}
	f.line(0, "protocol: %s", protocol)
}

// sharedHeaders are those that all scenes send alike.
func (f *settings) sharedHeaders() []headerField {
	var out []headerField
	for _, h := range f.b.requests[0].headers {
		if !slices.ContainsFunc(f.b.requests, func(r *request) bool {
			return !slices.ContainsFunc(r.headers, func(o headerField) bool {
				return strings.EqualFold(o.name, h.name) && o.leaf.right() == h.leaf.right()
			})
		}) {
			out = append(out, h)
		}
	}
	return out
}

func (f *settings) headers(indent int, hs []headerField) {
	if len(hs) == 0 {
		return
	}
	f.line(indent, "headers:")
	for _, h := range hs {
		f.line(indent+2, "%s: %s", scalar(h.name), scalar(h.leaf.right()))
	}
}

func (f *settings) result() {
	for _, r := range f.b.requests {
		x := r.result
		if x.code == "" && x.element == "" {
			continue
		}
		f.line(0, "result:")
		if x.code != "" {
			f.line(2, "codeName: %s", scalar(x.code))
		}
		if x.message != "" {
			f.line(2, "msgName: %s", scalar(x.message))
		}
		if len(x.success) == 1 {
			f.line(2, "successCode: %q", x.success[0])
		}
		if x.element != "" {
			f.line(2, "xmlJsonField: %s", scalar(x.element))
		}
		return
	}
}

// auth writes what the connection needs to be let in.
func (f *settings) auth() {
	r := f.b.requests[0]
	if r.user != nil {
		f.line(0, "basic:")
		f.line(2, "user: %s", scalar(r.user.right()))
		f.line(2, "password: %s", scalar(r.pass.right()))
	}
	if r.proxy != "" {
		proxy := r.proxy
		if !strings.Contains(proxy, "://") {
			proxy = "http://" + proxy
		}
		if _, rest, found := strings.Cut(proxy, "@"); found { // user and password of a proxy are not written down
			proxy = "http://" + rest
		}
		f.line(0, "proxy: %s", scalar(proxy))
	}
	if r.unsafe {
		f.comment(0, f.say("As curl -k: the certificate is not checked. Better: tls.caFile with the OA's own CA, or tls.pin.", "等同 curl -k：不校验证书。更好的做法：tls.caFile 指定 OA 的 CA，或 tls.pin。"))
		f.line(0, "tls: {insecureSkipVerify: true}")
	}
}

// scene writes one scene, each guess in a comment before it.
func (f *settings) scene(r *request, shared []headerField) {
	f.line(2, "%s:", r.scene)
	for _, l := range r.leaves {
		if l.where == inHeader && l.verdict == constant || l.where == inAuth {
			continue
		}
		f.comment(4, f.why(r, l))
	}
	base := cmp.Or(r.base, "http://oa.example.com")
	f.line(4, "address: %s", scalar(r.template("${"+baseName(slices.Index(f.bases, base))+"}")))
	if r.method != "POST" {
		f.line(4, "method: %s", r.method)
	}
	var own []headerField
	for _, h := range r.headers {
		if !slices.ContainsFunc(shared, func(o headerField) bool { return strings.EqualFold(o.name, h.name) }) {
			own = append(own, h)
		}
	}
	f.headers(4, own)
	if r.body != nil {
		f.body(r.body.text())
	}
}

// why is the comment of a value.
func (f *settings) why(r *request, l *leaf) string {
	name := l.at()
	if l.where != inBody {
		name += f.say(" (%s)", "（%s）", l.where)
	}
	reason := l.reason.in(f.b.o.Lang)
	switch l.verdict {
	case filled:
		label := ""
		if code, ok := codeAt(l.pieces[0].text, 0); ok && known(code) && l.sureness == Sure {
			label = ""
		}
		return fmt.Sprintf("%s: %s - %s%s%s", name, r.right(l), label, reason, f.doubt(l))
	case hidden:
		return fmt.Sprintf("%s: %s - %s", name, r.right(l), reason)
	case open:
		return f.say("%s: DECIDE - %s", "%s：待确认 - %s", name, reason)
	case constant, undecided:
	}
	return f.say("%s: kept - %s", "%s：保留 - %s", name, reason)
}

func (f *settings) doubt(l *leaf) string {
	if l.sureness == Perhaps {
		return f.say(" (not sure)", "（不确定）")
	}
	return ""
}

// body writes a body as a block, as it stands in the manual; one that YAML cannot hold so in quotes.
func (f *settings) body(text string) {
	plain := strings.IndexFunc(text, func(r rune) bool {
		return r != '\n' && r != '\t' && (unicode.IsControl(r) || r == 0xfeff || r == 0x85 || r == 0x2028 || r == 0x2029 || r == unicode.ReplacementChar)
	}) < 0
	if !plain || strings.HasPrefix(text, " ") || strings.HasPrefix(text, "\t") || strings.HasPrefix(text, "\n") {
		f.line(4, "body: %s", jsonString(text))
		return
	}
	if b := f.b.requests[0].body; b != nil && b.kind() == "form" && !strings.Contains(text, "\n") {
		f.line(4, "body: %s", scalar(text))
		return
	}
	f.line(4, "body: |")
	for line := range strings.SplitSeq(text, "\n") {
		if line == "" {
			f.out.WriteByte('\n')
			continue
		}
		f.line(6, "%s", line)
	}
}

var plainScalar = regexp.MustCompile(`^[A-Za-z$/][A-Za-z0-9_./:{}$?&=%+;#-]*$`)

// scalar writes a text as a YAML value.
func scalar(s string) string {
	lower := strings.ToLower(s)
	switch {
	case slices.Contains([]string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}, lower):
	case plainScalar.MatchString(s) && !strings.HasSuffix(s, ":") && !strings.Contains(s, ": "):
		if !strings.ContainsAny(s, "{}") || !strings.HasPrefix(s, "{") {
			return s
		}
	}
	if strings.IndexFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == 0xfeff || r >= 0x2028 && r <= 0x202e }) >= 0 {
		return jsonString(s)
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}
