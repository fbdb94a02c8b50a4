package draft

import (
	"encoding/base64"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// A sample is one request as it was found in a source, before anything is guessed.
type sample struct {
	method  string
	url     string
	headers []header
	body    string
	form    *form // of -F: fields that are not written as one text
	user    string
	secret  string // of the user
	basic   bool
	answer  string
	scene   string
	proxy   string
	unsafe  bool // the certificate is not checked
	notes   []phrase

	// Of a WSDL, by the path of a value: its type, whether it may be left out, and the message without some.
	types    map[string]string
	optional map[string]bool
	again    func(skip map[string]bool) string
	element  string // of the answer, which is one text
}

type header struct{ name, value string }

func (s *sample) header(name string) string {
	for _, h := range s.headers {
		if strings.EqualFold(h.name, name) {
			return h.value
		}
	}
	return ""
}

// addOnce adds a header that is not there.
func (s *sample) addOnce(name, value string) {
	if s.header(name) == "" {
		s.headers = append(s.headers, header{name, value})
	}
}

// withArgument are curl's options that are followed by a value. What is not here is followed by none.
var withArgument = []string{
	"-X", "--request", "-H", "--header", "-d", "--data", "--data-ascii", "--data-raw", "--data-binary", "--data-urlencode", "--json", "-F", "--form", "--form-string", "-u", "--user",
	"--url", "-A", "--user-agent", "-e", "--referer", "-b", "--cookie", "-c", "--cookie-jar", "-o", "--output", "-m", "--max-time", "--connect-timeout", "-x", "--proxy", "--cacert", "--capath",
	"-E", "--cert", "--key", "--cert-type", "--key-type", "--ciphers", "-w", "--write-out", "-T", "--upload-file", "--retry", "--retry-delay", "--retry-max-time", "-r", "--range", "--resolve", "--connect-to", "-U", "--proxy-user",
	"--noproxy", "-K", "--config", "-D", "--dump-header", "--oauth2-bearer", "--max-redirs", "-y", "-Y", "-z", "-C", "-t", "-Q", "-P", "--interface", "--limit-rate", "--trace", "--trace-ascii", "--tls-max", "--pass", "--aws-sigv4", "--variable",
}

// curl reads the curl commands of a text.
func (b *builder) curl(text string) ([]*sample, error) {
	var out []*sample
	for _, args := range commands(text) {
		s, err := b.command(args)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// A curlCommand gathers what the options of one command say.
type curlCommand struct {
	b    *builder
	s    *sample
	data []string
	get  bool
	json bool
}

func (b *builder) command(args []string) (*sample, error) {
	c := &curlCommand{b: b, s: &sample{}}
	for i := 0; i < len(args); i++ {
		a := args[i]
		if !strings.HasPrefix(a, "-") || a == "-" {
			c.positional(a)
			continue
		}
		for _, o := range expand(a) {
			value := o.value
			if slices.Contains(withArgument, o.name) && !o.attached {
				if i++; i >= len(args) {
					return nil, b.wrong("curl: %s needs a value", "curl：%s 缺少值", o.name)
				}
				value = args[i]
			}
			if err := c.option(o.name, value); err != nil {
				return nil, err
			}
		}
	}
	return c.finish()
}

// positional takes the address; what else stands there is what the manual shows as the answer.
func (c *curlCommand) positional(a string) {
	answer, marked := strings.CutPrefix(a, answerMark)
	switch t := strings.TrimSpace(answer); {
	case marked:
		c.s.answer = firstValue(t)
	case c.s.url == "":
		c.s.url = a
	case strings.HasPrefix(t, "{") || strings.HasPrefix(t, "<"):
		c.s.answer = t
	}
}

// answerMark begins an argument that is none, but the answer which stands behind a command.
const answerMark = "\x00answer:"

// firstValue is the JSON object or XML that a text begins with, behind status line and headers where it has such.
func firstValue(s string) string {
	if strings.HasPrefix(s, "HTTP/") {
		i := strings.IndexAny(s, "{<")
		if i < 0 {
			return ""
		}
		s = s[i:]
	}
	if !strings.HasPrefix(s, "{") {
		return strings.TrimSpace(s)
	}
	depth, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && c == '{':
			depth++
		case !quoted && c == '}':
			if depth--; depth == 0 {
				return s[:i+1]
			}
		}
	}
	return s
}

type curlOption struct {
	name, value string
	attached    bool
}

// expand takes short options apart that are written as one: -sSkXPOST.
func expand(a string) []curlOption {
	if strings.HasPrefix(a, "--") {
		if name, value, found := strings.Cut(a, "="); found && slices.Contains(withArgument, name) {
			return []curlOption{{name, value, true}}
		}
		return []curlOption{{name: a}}
	}
	var out []curlOption
	for i := 1; i < len(a); i++ {
		name := "-" + a[i:i+1]
		if !slices.Contains(withArgument, name) {
			out = append(out, curlOption{name: name})
			continue
		}
		return append(out, curlOption{name, a[i+1:], i+1 < len(a)})
	}
	return out
}

func (c *curlCommand) option(name, value string) error {
	var err error
	switch name {
	case "-X", "--request":
		c.s.method = strings.ToUpper(value)
	case "-H", "--header":
		if n, v, found := strings.Cut(value, ":"); found {
			c.s.headers = append(c.s.headers, header{strings.TrimSpace(n), strings.TrimSpace(v)})
		} else if n, found := strings.CutSuffix(value, ";"); found {
			c.s.headers = append(c.s.headers, header{strings.TrimSpace(n), ""})
		}
	case "-d", "--data", "--data-ascii", "--data-binary":
		if value, err = c.file(value, name != "--data-binary"); err == nil {
			c.data = append(c.data, value)
		}
	case "--data-raw":
		c.data = append(c.data, value)
	case "--data-urlencode":
		if value, err = c.encoded(value); err == nil {
			c.data = append(c.data, value)
		}
	case "--json":
		c.json = true
		if value, err = c.file(value, false); err == nil {
			c.data = append(c.data, value)
		}
	case "-F", "--form", "--form-string":
		c.field(value)
	case "-u", "--user":
		c.s.user, c.s.secret, _ = strings.Cut(value, ":")
		c.s.basic = true
	case "--oauth2-bearer":
		c.s.headers = append(c.s.headers, header{"Authorization", "Bearer " + value})
	case "--url":
		c.s.url = value
	case "-k", "--insecure":
		c.s.unsafe = true
	case "-G", "--get":
		c.get = true
	case "-I", "--head":
		c.s.method = "HEAD"
	case "-x", "--proxy":
		c.s.proxy = value
	case "-E", "--cert", "--key", "--cacert":
		c.s.notes = append(c.s.notes, say("curl "+name+": name the file under tls (certFile, keyFile, caFile)", "curl "+name+"：请在 tls 下填写文件（certFile、keyFile、caFile）"))
	case "-b", "--cookie":
		c.s.notes = append(c.s.notes, say("the sample sends a cookie; a worker has none: ask how other systems log in (token, Basic)", "样例带有 Cookie；后台程序没有 Cookie：请询问系统间的登录方式（令牌、Basic）"))
	case "-T", "--upload-file", "-K", "--config":
		return c.b.wrong("curl: %s cannot be drafted from", "curl：不支持从 %s 起草", name)
	}
	return err
}

// file reads what @ names beside the source.
func (c *curlCommand) file(value string, strip bool) (string, error) {
	name, found := strings.CutPrefix(value, "@")
	if !found {
		return value, nil
	}
	src, err := c.b.read(name)
	if err != nil {
		return "", err
	}
	if strip {
		src = strings.NewReplacer("\r", "", "\n", "").Replace(src)
	}
	return src, nil
}

// encoded is a value of --data-urlencode as it is sent.
func (c *curlCommand) encoded(value string) (string, error) {
	if name, content, found := strings.Cut(value, "="); found {
		content = url.QueryEscape(content)
		if name == "" {
			return content, nil
		}
		return name + "=" + content, nil
	}
	if name, path, found := strings.Cut(value, "@"); found {
		src, err := c.b.read(path)
		if err != nil {
			return "", err
		}
		if name != "" {
			name += "="
		}
		return name + url.QueryEscape(src), nil
	}
	return url.QueryEscape(value), nil
}

func (c *curlCommand) field(value string) {
	name, content, _ := strings.Cut(value, "=")
	if c.s.form == nil {
		c.s.form = &form{}
		c.s.notes = append(c.s.notes, say("the sample sends multipart/form-data; a connection sends forms as application/x-www-form-urlencoded: ask whether the OA takes that, most do",
			"样例以 multipart/form-data 发送；连接以 application/x-www-form-urlencoded 发送表单：请确认 OA 是否接受，多数接受"))
	}
	c.s.form.fields = append(c.s.form.fields, formField{name: name, leaf: &leaf{sample: content}})
}

func (c *curlCommand) finish() (*sample, error) {
	s := c.s
	if s.url == "" {
		return nil, c.b.wrong("the curl command has no address", "curl 命令缺少地址")
	}
	body := strings.Join(c.data, "&")
	if c.json {
		body = strings.Join(c.data, "")
		s.addOnce("Content-Type", "application/json")
		s.addOnce("Accept", "application/json")
	}
	switch {
	case c.get && body != "":
		join := "?"
		if strings.Contains(s.url, "?") {
			join = "&"
		}
		s.url += join + body
	case body != "":
		s.body = body
		if t := strings.TrimSpace(body); !strings.HasPrefix(t, "{") && !strings.HasPrefix(t, "[") && !strings.HasPrefix(t, "<") {
			s.addOnce("Content-Type", "application/x-www-form-urlencoded")
		}
	}
	if s.method == "" {
		s.method = "GET"
		if s.body != "" || s.form != nil {
			s.method = "POST"
		}
	}
	if name, value, ok := basicOf(s.header("Authorization")); ok {
		s.user, s.secret, s.basic = name, value, true
	}
	return s, nil
}

// basicOf reads an Authorization: Basic header.
func basicOf(value string) (user, password string, ok bool) {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(value), " ")
	if !strings.EqualFold(scheme, "Basic") {
		return "", "", false
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(rest))
	if err != nil {
		return "", "", true // a manual's word in place of it
	}
	user, password, _ = strings.Cut(string(raw), ":")
	return user, password, true
}

var curlBegins = regexp.MustCompile(`(?m)^[ \t]*(?:[$>#] ?|PS [^>\n]*> ?|[A-Za-z]:[^>\n]*> ?)?curl(?:\.exe)?[ \t^\x60\\]`)

// commands finds the curl commands of a text and takes each apart as its shell would.
func commands(text string) [][]string {
	begins := curlBegins.FindAllStringIndex(text, -1)
	var out [][]string
	for i, at := range begins {
		end := len(text)
		if i+1 < len(begins) {
			end = begins[i+1][0]
		}
		part := text[at[0]:end]
		part = part[strings.Index(part, "curl"):]
		part = strings.TrimPrefix(strings.TrimPrefix(part, "curl"), ".exe")
		switch {
		case strings.Contains(part, "^\n") || strings.Contains(part, "^\r\n") || strings.Contains(part, `^"`):
			out = append(out, windowsArgs(carets(part)))
		case strings.Contains(part, "`\n") || strings.Contains(part, "`\r\n") || strings.Contains(part, "`\""):
			out = append(out, powerShellArgs(part))
		default:
			out = append(out, posixArgs(part))
		}
	}
	return out
}

// posixArgs takes a command line apart as sh and bash do. A line that ends without a backslash goes on all the same: manuals
// forget it.
func posixArgs(s string) []string {
	var args []string
	var cur strings.Builder
	some := false
	flush := func() {
		if some {
			args = append(args, cur.String())
		}
		cur.Reset()
		some = false
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case ' ', '\t', '\r':
			flush()
		case '\n':
			flush()
			// What the manual shows behind the command is the answer.
			if rest := strings.TrimLeft(s[i:], " \t\r\n"); strings.HasPrefix(rest, "{") || strings.HasPrefix(rest, "<") || strings.HasPrefix(rest, "HTTP/") {
				return append(args, answerMark+rest)
			}
		case ';', '|', '&':
			if !some || i+1 >= len(s) || strings.IndexByte(" \t\r\n&|;", s[i+1]) >= 0 {
				flush()
				return args
			}
			cur.WriteByte(c)
		case '\\':
			i++
			switch {
			case i >= len(s), s[i] == '\n':
			case s[i] == '\r':
				i++
			case s[i] == ' ' && strings.TrimLeft(s[i:], " \t") != "" && strings.TrimLeft(s[i:], " \t")[0] == '\n':
				// a blank behind the backslash of a line's end
			default:
				cur.WriteByte(s[i])
				some = true
			}
		case '\'':
			some = true
			end := strings.IndexByte(s[i+1:], '\'')
			if end < 0 {
				end = len(s) - i - 1
			}
			cur.WriteString(s[i+1 : i+1+end])
			i += end + 1
		case '"':
			some = true
			i = doubleQuoted(s, i+1, &cur)
		case '$':
			if i+1 < len(s) && s[i+1] == '\'' {
				some = true
				i = ansiQuoted(s, i+2, &cur)
				continue
			}
			cur.WriteByte(c)
			some = true
		default:
			cur.WriteByte(c)
			some = true
		}
	}
	flush()
	return args
}

// doubleQuoted reads text in double quotes and gives the place of its end.
func doubleQuoted(s string, i int, to *strings.Builder) int {
	for ; i < len(s) && s[i] != '"'; i++ {
		if s[i] == '\\' && i+1 < len(s) && strings.IndexByte("\"\\$`\n", s[i+1]) >= 0 {
			if i++; s[i] == '\n' {
				continue
			}
		}
		to.WriteByte(s[i])
	}
	return i
}

// ansiQuoted reads text in $'...' and gives the place of its end.
func ansiQuoted(s string, i int, to *strings.Builder) int {
	escapes := map[byte]byte{'n': '\n', 't': '\t', 'r': '\r', '0': 0}
	for ; i < len(s) && s[i] != '\''; i++ {
		if s[i] != '\\' || i+1 >= len(s) {
			to.WriteByte(s[i])
			continue
		}
		i++
		if s[i] == 'u' && i+4 < len(s) {
			if r, ok := hexRune(s[i+1 : i+5]); ok {
				to.WriteRune(r)
				i += 4
				continue
			}
		}
		if c, ok := escapes[s[i]]; ok {
			to.WriteByte(c)
		} else {
			to.WriteByte(s[i])
		}
	}
	return i
}

func hexRune(s string) (rune, bool) {
	var r rune
	for _, c := range strings.ToLower(s) {
		d := strings.IndexRune("0123456789abcdef", c)
		if d < 0 {
			return 0, false
		}
		r = r<<4 | rune(d)
	}
	return r, true
}

// carets undoes the quoting of Windows' command prompt: outside of quotes ^ takes a character's meaning, and at the end of a line
// the line's end.
func carets(s string) string {
	var b strings.Builder
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '^' && !quoted && i+1 < len(s):
			i++
			if s[i] == '\r' && i+1 < len(s) && s[i+1] == '\n' {
				i++
			}
			if s[i] == '\n' {
				b.WriteByte(' ')
				continue
			}
			b.WriteByte(s[i])
		case s[i] == '"' && (i == 0 || s[i-1] != '\\'):
			quoted = !quoted
			b.WriteByte(s[i])
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// windowsArgs takes a command line apart as Windows programs do.
func windowsArgs(s string) []string {
	var args []string
	var cur strings.Builder
	some, quoted := false, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			n := 0
			for i+n < len(s) && s[i+n] == '\\' {
				n++
			}
			if i+n < len(s) && s[i+n] == '"' {
				cur.WriteString(strings.Repeat(`\`, n/2))
				i += n - 1
				if n%2 == 1 {
					cur.WriteByte('"')
					i++
				}
			} else {
				cur.WriteString(strings.Repeat(`\`, n))
				i += n - 1
			}
			some = true
		case c == '"' && quoted && i+1 < len(s) && s[i+1] == '"':
			cur.WriteByte('"')
			i++
		case c == '"':
			quoted = !quoted
			some = true
		case !quoted && strings.IndexByte(" \t\r\n", c) >= 0:
			if some {
				args = append(args, cur.String())
			}
			cur.Reset()
			some = false
		default:
			cur.WriteByte(c)
			some = true
		}
	}
	if some {
		args = append(args, cur.String())
	}
	return args
}

// powerShellArgs takes a command line apart as PowerShell does.
func powerShellArgs(s string) []string {
	var args []string
	var cur strings.Builder
	some := false
	quote := byte(0)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '`' && quote != '\'' && i+1 < len(s):
			i++
			if s[i] == '\r' && i+1 < len(s) {
				i++
			}
			if s[i] != '\n' {
				cur.WriteByte(s[i])
				some = true
			}
		case quote != 0 && c == quote && i+1 < len(s) && s[i+1] == quote:
			cur.WriteByte(c)
			i++
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			quote, some = c, true
		case quote == 0 && strings.IndexByte(" \t\r\n", c) >= 0:
			if some {
				args = append(args, strings.ReplaceAll(cur.String(), `\"`, `"`))
			}
			cur.Reset()
			some = false
		default:
			cur.WriteByte(c)
			some = true
		}
	}
	if some {
		args = append(args, strings.ReplaceAll(cur.String(), `\"`, `"`))
	}
	return args
}
