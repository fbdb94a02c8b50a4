package mapping

import (
	"strconv"
	"strings"
	"time"
)

// DefaultTimeFormat is the pattern of a connection that names none.
const DefaultTimeFormat = "yyyy-MM-dd HH:mm:ss"

// A TimeFormat prints times by a pattern as Java has them. The zero TimeFormat prints nothing.
type TimeFormat struct {
	pattern string
	steps   []timeStep
}

// A timeStep prints literal text, or, where letter is set, one part of a time with at least width digits. Of an offset
// from UTC, lit is its layout.
type timeStep struct {
	lit    string
	letter byte
	width  int
}

// Letters of the patterns that are one word.
const (
	stepMillis  = 1
	stepSeconds = 2
	stepRFC3339 = 3
)

// CompileTimeFormat reads a pattern: y year, M month, d day, H hour (0 to 23), h hour (1 to 12), m minute, s second,
// S fraction of a second, a AM or PM, X or Z offset from UTC, 'quoted text', two quotes for one; or one of the words epochMillis,
// epochSeconds and rfc3339. Other letters are refused, other characters print as they are.
func CompileTimeFormat(pattern string) (TimeFormat, error) {
	f := TimeFormat{pattern: pattern}
	switch pattern {
	case "":
		return f, mistake("the time pattern is empty: want one such as yyyy-MM-dd HH:mm:ss, or epochMillis, epochSeconds, rfc3339",
			"时间格式为空：应如 yyyy-MM-dd HH:mm:ss，或 epochMillis、epochSeconds、rfc3339")
	case "epochMillis":
		f.steps = []timeStep{{letter: stepMillis}}
		return f, nil
	case "epochSeconds":
		f.steps = []timeStep{{letter: stepSeconds}}
		return f, nil
	case "rfc3339":
		f.steps = []timeStep{{letter: stepRFC3339}}
		return f, nil
	}
	for i := 0; i < len(pattern); {
		c := pattern[i]
		if c == '\'' {
			lit, n, err := quotedText(pattern[i:])
			if err != nil {
				return TimeFormat{}, err
			}
			f.literal(lit)
			i += n
			continue
		}
		n := i + 1
		if !isLetter(c) {
			f.literal(pattern[i:n])
			i = n
			continue
		}
		for n < len(pattern) && pattern[n] == c {
			n++
		}
		if err := checkLetter(pattern, c, n-i); err != nil {
			return TimeFormat{}, err
		}
		f.steps = append(f.steps, timeStep{letter: c, width: n - i, lit: offsetLayout(c, n-i)})
		i = n
	}
	return f, nil
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// quotedText reads 'text' from its opening quote; two quotes are one, also outside of quoted text.
func quotedText(s string) (lit string, n int, err error) {
	if strings.HasPrefix(s, "''") {
		return "'", 2, nil
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] != '\'':
			b.WriteByte(s[i])
		case i+1 < len(s) && s[i+1] == '\'':
			b.WriteByte('\'')
			i++
		default:
			return b.String(), i + 1, nil
		}
	}
	return "", 0, mistake("the time pattern has a quote that is not closed: %s", "时间格式的引号没有闭合：%s", shorten(s, 80))
}

func checkLetter(pattern string, c byte, width int) error {
	limit := map[byte]int{'y': 4, 'M': 2, 'd': 2, 'H': 2, 'h': 2, 'm': 2, 's': 2, 'S': 9, 'a': 1, 'X': 3, 'Z': 1}[c]
	hint := map[byte]string{'Y': "yyyy", 'D': "dd", 'k': "HH", 'K': "hh", 'A': "a"}[c]
	switch {
	case limit == 0 && hint != "":
		return mistake("the time pattern %q holds the letter %c: do you mean %s?", "时间格式 %q 含字母 %c：是否想写 %s", shorten(pattern, 80), c, hint)
	case limit == 0:
		return mistake("the time pattern %q holds the letter %c: want y M d H h m s S a X Z, epochMillis, epochSeconds or "+
			"rfc3339; put other text in single quotes", "时间格式 %q 含字母 %c：可用 y M d H h m s S a X Z、epochMillis、epochSeconds、rfc3339；"+
			"其他文字请放在单引号内", shorten(pattern, 80), c)
	case width > limit || c == 'y' && width == 3 || c == 'X' && width == 2:
		return mistake("the time pattern %q holds %s, which is not known", "时间格式 %q 含 %s，无法识别", shorten(pattern, 80), shorten(strings.Repeat(string(c), width), 20))
	}
	return nil
}

// offsetLayout is how package time writes the pattern of an offset from UTC.
func offsetLayout(c byte, width int) string {
	switch {
	case c == 'Z':
		return "-0700"
	case c == 'X' && width == 1:
		return "Z07"
	case c == 'X':
		return "Z07:00"
	}
	return ""
}

func (f *TimeFormat) literal(s string) {
	if n := len(f.steps); n > 0 && f.steps[n-1].letter == 0 {
		f.steps[n-1].lit += s
		return
	}
	f.steps = append(f.steps, timeStep{lit: s})
}

// String is the pattern as it was given.
func (f TimeFormat) String() string { return f.pattern }

// Format prints t in t's own zone.
func (f TimeFormat) Format(t time.Time) string { return string(f.Append(nil, t)) }

// Append appends t, printed in t's own zone, to dst.
func (f TimeFormat) Append(dst []byte, t time.Time) []byte {
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	for i := range f.steps {
		s := &f.steps[i]
		switch s.letter {
		case 0:
			dst = append(dst, s.lit...)
		case 'y':
			n := year
			if s.width == 2 {
				n %= 100
			}
			dst = appendDigits(dst, n, s.width)
		case 'M':
			dst = appendDigits(dst, int(month), s.width)
		case 'd':
			dst = appendDigits(dst, day, s.width)
		case 'H':
			dst = appendDigits(dst, hour, s.width)
		case 'h':
			dst = appendDigits(dst, (hour+11)%12+1, s.width)
		case 'm':
			dst = appendDigits(dst, minute, s.width)
		case 's':
			dst = appendDigits(dst, second, s.width)
		case 'S':
			dst = appendFraction(dst, t.Nanosecond(), s.width)
		case 'a':
			dst = append(dst, "AP"[hour/12], 'M')
		case 'X', 'Z':
			dst = t.AppendFormat(dst, s.lit)
		case stepMillis:
			dst = strconv.AppendInt(dst, t.UnixMilli(), 10)
		case stepSeconds:
			dst = strconv.AppendInt(dst, t.Unix(), 10)
		case stepRFC3339:
			dst = t.AppendFormat(dst, time.RFC3339)
		}
	}
	return dst
}

// number reports whether what the format prints is a JSON number.
func (f TimeFormat) number() bool {
	return len(f.steps) == 1 && (f.steps[0].letter == stepMillis || f.steps[0].letter == stepSeconds)
}

func appendDigits(dst []byte, n, width int) []byte {
	if width == 2 && n < 100 {
		return append(dst, byte('0'+n/10), byte('0'+n%10))
	}
	for limit := 10; width > 1; width-- {
		if n < limit {
			dst = append(dst, "000"[:width-1]...)
			break
		}
		limit *= 10
	}
	return strconv.AppendInt(dst, int64(n), 10)
}

func appendFraction(dst []byte, nanos, width int) []byte {
	for unit := 100_000_000; width > 0; width-- {
		dst = append(dst, byte('0'+nanos/unit%10))
		unit /= 10
	}
	return dst
}

// parseTime reads an RFC 3339 time; a leap second is the second after the one before it.
func parseTime(s string) (time.Time, error) {
	if len(s) >= len("2006-01-02T15:04:05Z") && s[13] == ':' {
		t, err := time.Parse(time.RFC3339, s)
		if err == nil {
			return t, nil
		}
		if up := strings.ToUpper(s); up != s {
			return parseTime(up)
		}
		if s[17:19] == "60" {
			t, err = parseTime(s[:17] + "59" + s[19:])
			return t.Add(time.Second), err
		}
	}
	return time.Time{}, mistake("%q is not an RFC 3339 time such as 2024-11-05T09:30:00+08:00", "%q 不是 RFC 3339 时间，应如 2024-11-05T09:30:00+08:00", shorten(s, 40))
}

// parseOwnTime reads a time of an own field, which other systems write in other ways too: RFC 3339, yyyy-MM-dd HH:mm:ss in
// zone, and seconds (of 9 or 10 digits) or milliseconds (of 12 or 13) since 1970.
func parseOwnTime(s string, zone *time.Location) (time.Time, error) {
	if t, err := parseTime(s); err == nil {
		return t, nil
	}
	if t, err := time.ParseInLocation(time.DateTime, s, zone); err == nil {
		return t, nil
	}
	if n, err := strconv.ParseUint(s, 10, 63); err == nil && s[0] != '0' {
		switch len(s) {
		case 9, 10:
			return time.Unix(int64(n), 0), nil
		case 12, 13:
			return time.UnixMilli(int64(n)), nil
		}
	}
	return time.Time{}, mistake("%q is not a time such as 2024-11-05T09:30:00+08:00, 2024-11-05 09:30:00, or seconds or milliseconds since 1970",
		"%q 不是时间，应如 2024-11-05T09:30:00+08:00、2024-11-05 09:30:00，或自 1970 年起的秒数、毫秒数", shorten(s, 40))
}

// shorten cuts a text that is shown in a message at n characters.
func shorten(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i] + "..."
		}
		n--
	}
	return s
}
