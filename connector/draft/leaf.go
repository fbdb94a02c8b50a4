package draft

import "strings"

// A place says where in a request a value stands.
type place string

const (
	inBody   place = "body"
	inHeader place = "header"
	inQuery  place = "query"
	inPath   place = "path"
	inAuth   place = "auth" // user and password of HTTP Basic
)

// A piece is a part of what is proposed for a value: literal text, or a placeholder or ${...} that is written as it is.
type piece struct {
	text string
	hole bool
}

func hole(s string) piece    { return piece{text: s, hole: true} }
func literal(s string) piece { return piece{text: s} }

// A Sureness says how much speaks for a guess.
type Sureness string

// The degrees of sureness: the OA's own manual says so, name or sample leave little doubt, it is the best of several.
const (
	Sure    Sureness = "sure"
	Likely  Sureness = "likely"
	Perhaps Sureness = "perhaps"
)

// A verdict is what became of a value of the sample.
type verdict uint8

const (
	undecided verdict = iota
	filled            // a placeholder stands in its place
	hidden            // a secret or variable stands in its place
	constant          // it stays as it is
	open              // somebody must decide
)

// A leaf is one value of the sample request.
type leaf struct {
	where  place
	path   []string // names from the outside in, its own last
	sample string   // its value, decoded
	shape  shape
	bare   bool   // JSON outside quotes
	note   string // what the manual says beside it
	listed bool   // an element of a list, or within one
	typ    string // its type in a schema
	absent bool   // may be left out

	verdict  verdict
	pieces   []piece
	sureness Sureness
	reason   phrase
	format   string // of a time: how the sample writes it
}

// name is the leaf's own name.
func (l *leaf) name() string {
	if len(l.path) == 0 {
		return ""
	}
	return l.path[len(l.path)-1]
}

// where in the request, as it is shown.
func (l *leaf) at() string { return strings.Join(l.path, ".") }

// fill puts a placeholder, or text with placeholders, in the value's place.
func (l *leaf) fill(s Sureness, why phrase, pieces ...piece) {
	l.verdict, l.pieces, l.sureness, l.reason = filled, pieces, s, why
}

// keep leaves the value as it is.
func (l *leaf) keep(why phrase) { l.verdict, l.reason, l.pieces = constant, why, nil }

// ask leaves the value as it is and says what is to be decided.
func (l *leaf) ask(why phrase) { l.verdict, l.reason, l.pieces = open, why, nil }

// right is what stands in the value's place, as a template.
func (l *leaf) right() string {
	if l.pieces == nil {
		if l.shape == blankShape && !l.bare {
			return "" // a word that stands for a value is none
		}
		return shield(l.sample)
	}
	var b strings.Builder
	for _, p := range l.pieces {
		if p.hole {
			b.WriteString(p.text)
		} else {
			b.WriteString(shield(p.text))
		}
	}
	return b.String()
}

// changed reports whether something else stands in the value's place.
func (l *leaf) changed() bool {
	return l.pieces != nil || l.shape == blankShape && !l.bare && l.sample != ""
}

// shield writes literal text so that a template takes nothing in it for a placeholder. Codes of the catalogue stay: who writes
// them into a sample means them.
func shield(s string) string {
	s = strings.ReplaceAll(s, "${", "$${")
	if !strings.Contains(s, "#F") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if code, ok := codeAt(s, i); ok && !known(code) && (i == 0 || s[i-1] != '#') {
			b.WriteByte('#')
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// codeAt gives the code of a placeholder that stands at i.
func codeAt(s string, i int) (string, bool) {
	if !strings.HasPrefix(s[i:], "#F") || len(s) < i+5 {
		return "", false
	}
	for _, c := range s[i+2 : i+5] {
		if c < '0' || c > '9' {
			return "", false
		}
	}
	return s[i+1 : i+5], true
}

// placed reports whether a sample holds placeholders of the catalogue already.
func placed(s string) bool {
	for i := range len(s) {
		if code, ok := codeAt(s, i); ok && known(code) {
			return true
		}
	}
	return false
}

// A phrase is a text in the two languages of the messages.
type phrase struct{ en, zh string }

func say(en, zh string) phrase { return phrase{en, zh} }

func (p phrase) in(lang string) string {
	if lang == "zh" && p.zh != "" {
		return p.zh
	}
	return p.en
}
