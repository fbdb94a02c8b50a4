package draft

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"todosync/mapping"
)

// The limits of what is read. No sample of a manual comes near them.
const (
	maxSource = 4 << 20 // bytes of one source
	maxLeaves = 2000    // values of all samples
)

// A Source is one text to draft from.
type Source struct {
	Name string
	Text []byte
}

// Options say what is drafted.
type Options struct {
	Tenant    string // of the connection
	Name      string // of the connection; "oa" by default
	Scene     string // of the first sample; by default what its address and operation say
	Operation string // of a WSDL with several; more than one with commas
	CRMLinks  bool   // addresses of todos are the CRM's own, not those of the sign-on gateway
	Lang      string // of the reasons: en (default) or zh
	Choices   []Choice

	// Open gives what a source names, such as an imported schema. Nil: nothing can be opened.
	Open func(name string) ([]byte, error)
}

// A Choice is what a person wants in place of a value, whatever would be guessed. Scene, Place and Field are those of the Guess.
type Choice struct {
	Scene string `json:"scene"`
	Place string `json:"place"`
	Field string `json:"field"`
	Right string `json:"right"`
}

// A Draft is a proposed connection.
type Draft struct {
	File      string   `json:"connection"` // YAML, with a comment for each field
	Vendor    string   `json:"vendor,omitempty"`
	Preset    string   `json:"preset,omitempty"` // that does the same and more
	Guesses   []Guess  `json:"guesses"`
	Secrets   []string `json:"secrets"` // names that must be set
	Decisions []string `json:"decisions"`
	Warnings  []string `json:"warnings"`
}

// A Guess is what is proposed for one value of the sample.
type Guess struct {
	Scene  string `json:"scene"`
	Place  string `json:"place"`  // body, header, query, path, auth
	Field  string `json:"field"`  // path of names
	Sample string `json:"sample"` // *** for secrets
	Right  string `json:"right"`  // what stands in its place
	Label  string `json:"label"`  // of the placeholder
	// Kind is placeholder, secret, constant, or decision where somebody must decide.
	Kind     string   `json:"kind"`
	Sureness Sureness `json:"sureness,omitempty"`
	Reason   string   `json:"reason"`
}

// An Error says why nothing can be drafted from a source.
type Error struct {
	Source string
	Msg    string
	Hint   string
}

// Error implements error.
func (e *Error) Error() string { return strings.TrimPrefix(e.Source+": "+e.Msg, ": ") }

// A builder makes one draft.
type builder struct {
	o        Options
	source   string // that is read
	requests []*request
	secrets  []secretValue
	notes    []phrase
	leaves   int
	logIn    *logIn // nil: no sample fetches a token
}

// A secretValue is a secret that the sample shows.
type secretValue struct{ name, value string }

// From drafts a connection from one or more sources: each sample of a request becomes a scene.
func From(sources []Source, o Options) (*Draft, error) {
	b := &builder{o: o}
	b.o.Name = cmp.Or(o.Name, "oa")
	var samples []*sample
	var body string // JSON that goes into a string of a WSDL's message
	for _, s := range sources {
		if len(s.Text) > maxSource {
			return nil, &Error{Source: s.Name, Msg: b.say("larger than %d bytes", "超过 %d 字节", maxSource)}
		}
		b.source = s.Name
		text := clean(mapping.Decode("", s.Text))
		found, err := b.samples(text)
		if err != nil {
			return nil, b.placed(err)
		}
		if len(samples) > 0 && len(found) == 1 && found[0].url == "" && samples[0].types != nil {
			body = found[0].body // of a WSDL that has been read before
			continue
		}
		samples = append(samples, found...)
	}
	if len(samples) == 0 {
		return nil, b.wrong("nothing to draft from", "没有可供起草的内容")
	}
	if body != "" && !stuff(samples[0], body) {
		b.note("the message of the operation has no single text for the second sample to go into", "该操作的消息没有可放入第二个样例的单一文本参数")
	}
	for _, s := range samples {
		if err := b.request(s); err != nil {
			return nil, b.placed(err)
		}
	}
	b.takeLogIn(samples)
	return b.draft(), nil
}

// clean is a source as text: without a byte order mark, its lines ended by LF alone.
func clean(src []byte) string {
	s := strings.TrimPrefix(string(src), "\ufeff")
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.TrimSpace(s)
}

// samples finds the requests of a text by what the text looks like.
func (b *builder) samples(text string) ([]*sample, error) {
	switch {
	case text == "":
		return nil, b.wrong("is empty", "是空的")
	case strings.IndexByte(text, 0) >= 0 || !utf8.ValidString(text):
		return nil, b.wrong("is not a text", "不是文本")
	case wsdlLike(text):
		return b.wsdl(text)
	case text[0] == '{' || text[0] == '[' || text[0] == '<':
		return []*sample{{body: text}}, nil
	case len(curlBegins.FindString(text)) > 0:
		return b.curl(text)
	case requestLine.MatchString(firstLine(text)):
		return b.http(text)
	case strings.HasPrefix(text, "http://") || strings.HasPrefix(text, "https://"):
		if !strings.ContainsAny(text, " \n") {
			return []*sample{{method: "GET", url: text}}, nil
		}
		return b.http("POST " + text)
	case strings.Contains(text, "=") && !strings.ContainsAny(text, " \n{<"):
		return []*sample{{body: text, headers: []header{{"Content-Type", "application/x-www-form-urlencoded"}}}}, nil
	}
	if i := strings.IndexAny(text, "{<"); i > 0 { // words of the manual around the sample
		if inner := []*sample{{body: strings.TrimSpace(text[i:])}}; (&builder{o: b.o}).request(inner[0]) == nil {
			return inner, nil
		}
	}
	return nil, b.wrong("is no JSON, XML, form, curl command, HTTP request or WSDL", "不是 JSON、XML、表单、curl 命令、HTTP 请求或 WSDL")
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return strings.TrimSpace(line)
}

// read opens what a source names.
func (b *builder) read(name string) (string, error) {
	if b.o.Open == nil {
		return "", b.wrong("%s is named and cannot be opened here", "引用了 %s，此处无法打开", name)
	}
	src, err := b.o.Open(name)
	if err != nil {
		return "", b.wrong("%s is named and cannot be read: %v", "引用的 %s 无法读取：%v", name, err)
	}
	if len(src) > maxSource {
		return "", b.wrong("%s is larger than %d bytes", "%s 超过 %d 字节", name, maxSource)
	}
	return strings.TrimPrefix(string(mapping.Decode("", src)), "\ufeff"), nil
}

func (b *builder) say(en, zh string, args ...any) string {
	return fmt.Sprintf(say(en, zh).in(b.o.Lang), args...)
}

func (b *builder) wrong(en, zh string, args ...any) error {
	return &Error{Source: b.source, Msg: b.say(en, zh, args...)}
}

// note keeps something that somebody must decide or know.
func (b *builder) note(en, zh string) { b.notes = append(b.notes, say(en, zh)) }

// placed says of which source a mistake is.
func (b *builder) placed(err error) error {
	if s, ok := err.(*syntaxError); ok { //nolint:errorlint // made here and never wrapped
		return &Error{Source: b.source, Msg: s.Error()}
	}
	return err
}

// secretNamed proposes a name for a secret; one value has one name.
func (b *builder) secretNamed(value, what string) string {
	word := strings.ToLower(strings.Join(words(what), "-"))
	word = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return -1
	}, word)
	word = cmp.Or(strings.Trim(word, "-"), "secret")
	name := b.o.Name + "-" + word
	for n := 2; ; n++ {
		i := slices.IndexFunc(b.secrets, func(s secretValue) bool { return s.name == name })
		switch {
		case i < 0:
			b.secrets = append(b.secrets, secretValue{name, value})
			return name
		case b.secrets[i].value == value || value == "" || shapeOf(value) == blankShape:
			return name
		}
		name = fmt.Sprintf("%s-%s-%d", b.o.Name, word, n)
	}
}

// leastSecret is how long a secret must be, in bytes, to be looked for in other places: shorter ones are words that a text may have for
// itself.
const leastSecret = 4

// mask takes every secret that the sample shows out of a text.
func (b *builder) mask(s string) string {
	for _, x := range b.secrets {
		if len(x.value) >= leastSecret && shapeOf(x.value) != blankShape {
			s = strings.ReplaceAll(s, x.value, "***")
		}
	}
	return s
}

// maskFile does so for a whole file, but for secrets that may be its own words.
func (b *builder) maskFile(s string) string {
	const word = 12
	for _, x := range b.secrets {
		if shapeOf(x.value) != blankShape && (len(x.value) >= word || len(x.value) >= leastSecret && strings.ContainsAny(x.value, "0123456789!@#$%&*")) {
			s = strings.ReplaceAll(s, x.value, "***")
		}
	}
	return s
}

// conceal puts secrets in place of their values where other values of the sample repeat them.
func (b *builder) conceal(r *request) {
	for _, l := range r.leaves {
		if l.verdict != constant && l.verdict != open || l.pieces != nil {
			continue
		}
		for _, x := range b.secrets {
			if len(x.value) < leastSecret || shapeOf(x.value) == blankShape {
				continue
			}
			before, after, found := strings.Cut(l.sample, x.value)
			if !found || strings.Contains(after, x.value) {
				continue
			}
			l.verdict, l.reason = hidden, say("it repeats a secret", "与某个密钥的值相同")
			l.pieces = []piece{literal(before), hole("${secret:" + x.name + "}"), literal(after)}
			break
		}
	}
	for i := range r.parts {
		r.parts[i].text = b.maskFile(r.parts[i].text) // a short word of an address is one, whatever somebody has for a name
	}
	if p, ok := r.body.(plain); ok {
		r.body = plain{b.mask(p.source)}
	}
}

// draft puts everything together.
func (b *builder) draft() *Draft {
	d := &Draft{Guesses: []Guess{}, Secrets: []string{}, Decisions: []string{}, Warnings: []string{}}
	for _, r := range b.requests {
		b.conceal(r)
		if r.vendor != nil && d.Vendor == "" {
			d.Vendor, d.Preset = r.vendor.name.in(b.o.Lang), r.preset()
		}
		for _, l := range r.leaves {
			d.Guesses = append(d.Guesses, b.guess(r, l))
		}
	}
	if b.logIn != nil {
		b.conceal(b.logIn.request)
	}
	for _, s := range b.secrets {
		d.Secrets = append(d.Secrets, s.name)
	}
	d.Decisions = b.decisions()
	f := &settings{b: b, d: d}
	d.File = b.maskFile(f.write())
	for i := range d.Decisions {
		d.Decisions[i] = b.mask(d.Decisions[i])
	}
	return d
}

// guess is what people see of a leaf.
func (b *builder) guess(r *request, l *leaf) Guess {
	g := Guess{
		Scene: r.scene, Place: string(l.where), Field: l.at(), Sample: b.mask(l.sample), Right: b.mask(r.right(l)),
		Sureness: l.sureness, Reason: b.mask(l.reason.in(b.o.Lang)),
	}
	switch l.verdict {
	case filled:
		g.Kind = "placeholder"
		for _, p := range l.pieces {
			if code, ok := codeAt(p.text, 0); p.hole && ok && g.Label == "" {
				g.Label = labelOf(code).in(b.o.Lang)
			}
		}
	case hidden:
		g.Kind, g.Sample = "secret", "***"
	case constant, undecided:
		g.Kind = "constant"
	case open:
		g.Kind = "decision"
	}
	return g
}

// namedSecret finds the names of secrets in a right side.
var namedSecret = regexp.MustCompile(`\$\{secret:([^}|]+)`)

// decisions lists what somebody must decide before the draft is used.
func (b *builder) decisions() []string {
	var out []string
	add := func(en, zh string, args ...any) { out = append(out, b.say(en, zh, args...)) }
	if b.o.Tenant == "" {
		add("tenant: the CRM enterprise's id in place of %s", "tenant：将 %s 换成 CRM 企业号", unknownTenant)
	}
	seen := map[string]bool{}
	tell := func(l *leaf) {
		if l.verdict != hidden {
			return
		}
		for _, found := range namedSecret.FindAllStringSubmatch(l.right(), -1) { // there may be text around it, as in a Bearer's
			if name := found[1]; !seen[name] {
				seen[name] = true
				add("%s: todosync secret set %s --tenant %s", "%s：todosync secret set %s --tenant %s", l.at(), name, cmp.Or(b.o.Tenant, unknownTenant))
			}
		}
	}
	if b.logIn != nil {
		for _, l := range b.logIn.request.leaves {
			tell(l)
		}
		for _, n := range b.logIn.request.notes {
			out = append(out, n.in(b.o.Lang))
		}
	}
	for _, r := range b.requests {
		if r.base == "" {
			add("variables.base: the address of the OA", "variables.base：OA 的地址")
		}
		if r.path == "" || r.path == "/" {
			add("scenes.%s.address: the path of the request", "scenes.%s.address：请求的路径", r.scene)
		}
		for _, l := range r.leaves {
			if l.verdict == open {
				add("%s %s: %s", "%s 的 %s：%s", r.scene, cmp.Or(l.at(), string(l.where)), l.reason.in(b.o.Lang))
			}
			tell(l)
		}
		if !r.tells("F001") && !r.tells("F102") {
			add("scene %s: no field names the receiver, so that an OA could not tell whose todo it is", "场景 %s：没有字段指明接收人，OA 无法知道是谁的待办", r.scene)
		}
		if !slices.ContainsFunc(b.requests, func(o *request) bool { return o.result.code != "" }) {
			add("result: what an answer of success looks like (codeName, successCode); until then every 2xx counts as one", "result：成功应答的样子（codeName、successCode）；在此之前任何 2xx 都视为成功")
		}
		for _, n := range r.notes {
			out = append(out, n.in(b.o.Lang))
		}
	}
	for _, n := range b.notes {
		out = append(out, n.in(b.o.Lang))
	}
	slices.Sort(out)
	return slices.Compact(out)
}
