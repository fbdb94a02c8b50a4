package mapping

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Fields are the placeholders that a connection and its tenant add to the catalogue, and how the connection prints
// times. They are never changed and may be shared by many templates.
type Fields struct {
	defs   map[string]*ownField
	zone   *time.Location
	format TimeFormat
}

// An ownField is a checked Field.
type ownField struct {
	code, label string
	def         Field
	path        []string
	from        *source
	join        []source
	first       []source
	format      *TimeFormat
	zone        *time.Location
	isTime      bool
	receiver    bool
	checked     state
	weight      int     // sources that are read for one value, those of other own fields with it
	heavy       bool    // it, or a field that it reads, weighs too much, which has been told
	reads       codeSet // all codes that it reads, by itself or through others
}

// maxWeight is how many sources one value may be made of. Fields that read fields twice each would double with every
// level.
const maxWeight = 1000

// A source is what a placeholder or a field reads: a built-in, or an own field.
type source struct {
	builtin *builtin
	own     *ownField
}

func (s source) receiver() bool {
	if s.builtin != nil {
		return s.builtin.Receiver
	}
	return s.own.receiver
}

func (s source) isTime() bool {
	if s.builtin != nil {
		return s.builtin.Time
	}
	return s.own.isTime
}

func (s source) code() string {
	if s.builtin != nil {
		return s.builtin.Code
	}
	return s.own.code
}

// uses reports whether the source is, or reads, a code.
func (s source) uses(code string) bool {
	return s.code() == code || s.own != nil && s.own.reads.has(code)
}

// weight is how many sources are read for one value of the source.
func (s source) weight() int {
	if s.own == nil {
		return 1
	}
	return s.own.weight
}

// state is how far the check of a field has come; it finds fields that read themselves.
type state uint8

const (
	unseen state = iota
	checking
	done
)

// ParseFields checks the definitions of own placeholders, those of the connection and its tenant already merged. Times
// are printed in zone by timeFormat unless a field says otherwise; nil is Asia/Shanghai, empty DefaultTimeFormat. All
// mistakes come at once, as Errors, each with its path.
func ParseFields(m map[string]Field, zone *time.Location, timeFormat string) (*Fields, error) {
	p := fieldParser{given: m, out: &Fields{defs: make(map[string]*ownField, len(m)), zone: zone}}
	if zone == nil {
		p.out.zone = time.FixedZone("Asia/Shanghai", 8*60*60)
	}
	if timeFormat == "" {
		timeFormat = DefaultTimeFormat
	}
	var err error
	if p.out.format, err = CompileTimeFormat(timeFormat); err != nil {
		p.errs = append(p.errs, &Error{Path: "timeFormat", Err: err})
	}
	codes := slices.Sorted(maps.Keys(m))
	for _, code := range codes {
		if err := mayDefine(code); err != nil {
			p.bad(code, "", err)
			continue
		}
		p.out.defs[code] = &ownField{code: code, label: m[code].Label, def: m[code]}
	}
	for _, code := range codes {
		if f := p.out.defs[code]; f != nil {
			p.check(f)
		}
	}
	if len(p.errs) > 0 {
		return nil, p.errs
	}
	return p.out, nil
}

type fieldParser struct {
	given map[string]Field
	out   *Fields
	errs  Errors
}

func (p *fieldParser) bad(code, member string, err error) {
	path := "fields." + code
	if member != "" {
		path += "." + member
	}
	p.errs = append(p.errs, &Error{Path: path, Placeholder: "", Err: err})
}

// check resolves one field and, before it, those that it reads.
func (p *fieldParser) check(f *ownField) {
	if f.checked != unseen {
		return
	}
	f.checked = checking
	defer func() { f.checked = done }()
	d := &f.def
	if given := p.origins(d); len(given) != 1 {
		err := mistake("want one of path, from, value, join and first", "须填写 path、from、value、join、first 之一")
		if len(given) > 1 {
			err = mistake("want only one of path, from, value, join and first, not %s", "path、from、value、join、first 只能填一个，而不是 %s",
				words{strings.Join(given, " and "), strings.Join(given, "、")})
		}
		p.bad(f.code, "", err)
	}
	if d.Path != "" {
		if err := ValidPath(d.Path); err != nil {
			p.bad(f.code, "path", err)
		}
		f.path = splitPath(d.Path)
	}
	if d.From != "" {
		if s, ok := p.source(f, "from", d.From); ok {
			f.from, f.receiver, f.isTime = &s, s.receiver(), s.isTime()
		}
	}
	for _, code := range d.Join {
		if s, ok := p.source(f, "join", code); ok {
			f.join = append(f.join, s)
			f.receiver = f.receiver || s.receiver()
		}
	}
	for _, code := range d.First {
		if s, ok := p.source(f, "first", code); ok {
			f.first = append(f.first, s)
			f.receiver = f.receiver || s.receiver()
			f.isTime = f.isTime || s.isTime()
		}
	}
	if d.With != "" && d.Join == nil {
		p.bad(f.code, "with", mistake("stands only beside join", "只能与 join 同用"))
	}
	if d.Max < 0 {
		p.bad(f.code, "max", mistake("want a number of characters, not %d", "应为字符数，而不是 %d", d.Max))
	}
	p.times(f)
	p.weigh(f)
}

// weigh adds up what a field reads. A field of many fields is told once, not again where others read it.
func (p *fieldParser) weigh(f *ownField) {
	f.weight = 1
	sources := slices.Concat(f.join, f.first)
	if f.from != nil {
		sources = append(sources, *f.from)
	}
	for _, s := range sources {
		f.weight = min(f.weight+s.weight(), 2*maxWeight)
		f.reads.add(s.code())
		if s.own != nil {
			f.heavy = f.heavy || s.own.heavy
			f.reads.addAll(&s.own.reads)
		}
	}
	if f.weight > maxWeight && !f.heavy {
		f.heavy = true
		p.bad(f.code, "", mistake("it is made of more than %d values, since the fields that it reads read others in turn: join fewer",
			"由超过 %d 个值组成，因为所引用的字段又引用其他字段：请减少 join", maxWeight))
	}
}

func (p *fieldParser) origins(d *Field) (given []string) {
	for _, o := range []struct {
		name string
		set  bool
	}{{"path", d.Path != ""}, {"from", d.From != ""}, {"value", d.Value != nil}, {"join", d.Join != nil}, {"first", d.First != nil}} {
		if o.set {
			given = append(given, o.name)
		}
	}
	return given
}

// times checks format and zone, which only a time can have: a time of the catalogue, or what stands at a path.
func (p *fieldParser) times(f *ownField) {
	d := &f.def
	base := f
	for base.from != nil && base.from.own != nil {
		base = base.from.own
	}
	timed := f.isTime || base.path != nil
	if d.Format != "" {
		format, err := CompileTimeFormat(d.Format)
		if err == nil && !timed {
			err = mistake("only a time can have a format: want from with the code of a time, or path", "只有时间可以有 format：应为时间字段的 from，或 path")
		}
		if err != nil {
			p.bad(f.code, "format", err)
		}
		f.format, f.isTime = &format, true
	}
	if d.Zone != "" {
		zone, err := time.LoadLocation(d.Zone)
		switch {
		case err != nil || d.Zone == "Local":
			p.bad(f.code, "zone", mistake("%q is no time zone such as Asia/Shanghai", "%q 不是时区，应如 Asia/Shanghai", d.Zone))
		case !f.isTime:
			p.bad(f.code, "zone", mistake("only a time can have a zone: want from with the code of a time, or a format beside path",
				"只有时间可以有 zone：应为时间字段的 from，或 path 加 format"))
		}
		f.zone = zone
	}
	if d.Map != nil {
		f.isTime = false
	}
}

// source resolves the code that a field reads.
func (p *fieldParser) source(f *ownField, member, code string) (source, bool) {
	code = strings.TrimPrefix(code, "#")
	if !isCode(code) {
		p.bad(f.code, member, mistake("%q is no code: want F and three digits, such as F055", "%q 不是编码：应为 F 加三位数字，如 F055", code))
		return source{}, false
	}
	if b := builtinOf(code); b != nil {
		return source{builtin: b}, true
	}
	own := p.out.defs[code]
	if own == nil {
		if _, given := p.given[code]; !given {
			p.bad(f.code, member, mistake("#%s: %s", "#%s：%s", code, p.out.unknown(code)))
		}
		return source{}, false
	}
	if own.checked == checking {
		p.bad(f.code, member, mistake("#%s reads #%s, which reads it in turn: break the circle", "#%s 引用 #%s，后者又引用前者：请去掉循环引用", f.code, code))
		return source{}, false
	}
	p.check(own)
	return source{own: own}, true
}

// source finds what a placeholder stands for.
func (f *Fields) source(code string) (source, bool) {
	if b := builtinOf(code); b != nil {
		return source{builtin: b}, true
	}
	own := f.defs[code]
	return source{own: own}, own != nil
}
