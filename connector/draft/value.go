package draft

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// A shape is what a sample value looks like.
type shape uint8

const (
	blankShape   shape = iota // nothing, or a word that stands for a value: ?, string, xxx
	textShape                 // anything else
	timeShape                 // a date or time of a known format
	urlShape                  // an address
	idShape                   // a long id: hex, uuid, digits
	personShape               // a Chinese name of a person
	accountShape              // a short word of letters and digits
	numberShape               // a small number
	switchShape               // true, false, Y, N
	objectShape               // an api name such as QuoteObj
	tokenShape                // a JWT or the like
)

// timeForms are the formats of times that samples are held against, with the pattern that integrators know.
func timeForms() []struct{ layout, pattern string } {
	return []struct{ layout, pattern string }{
		{"2006-01-02 15:04:05", "yyyy-MM-dd HH:mm:ss"},
		{"2006-01-02 15:04", "yyyy-MM-dd HH:mm"},
		{"2006-01-02", "yyyy-MM-dd"},
		{"2006/01/02 15:04:05", "yyyy/MM/dd HH:mm:ss"},
		{"2006/01/02 15:04", "yyyy/MM/dd HH:mm"},
		{"2006/01/02", "yyyy/MM/dd"},
		{"2006-01-02T15:04:05", "yyyy-MM-dd'T'HH:mm:ss"},
		{"2006-01-02 15:04:05.000", "yyyy-MM-dd HH:mm:ss.SSS"},
		{"2006-01-02T15:04:05.000", "yyyy-MM-dd'T'HH:mm:ss.SSS"},
		{"20060102150405", "yyyyMMddHHmmss"},
		{"200601021504", "yyyyMMddHHmm"},
		{"20060102", "yyyyMMdd"},
		{"2006年01月02日 15:04:05", "yyyy年MM月dd日 HH:mm:ss"},
		{"2006年01月02日 15:04", "yyyy年MM月dd日 HH:mm"},
		{"2006年01月02日", "yyyy年MM月dd日"},
		{"2006.01.02 15:04:05", "yyyy.MM.dd HH:mm:ss"},
		{"2006.01.02", "yyyy.MM.dd"},
		{time.RFC3339, "rfc3339"},
		{"2006-01-02T15:04:05.000Z07:00", "rfc3339"},
		{"2006-01-02T15:04:05-0700", "yyyy-MM-dd'T'HH:mm:ssZ"},
	}
}

// timePattern is the format of a sample time, empty where it is none that is known. Manuals also write the pattern itself.
func timePattern(s string) string {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		switch {
		case len(s) == 13 && n > 900e9 && n < 4e12:
			return "epochMillis"
		case len(s) == 10 && n > 900e6 && n < 4e9:
			return "epochSeconds"
		}
	}
	for _, f := range timeForms() {
		if len(s) < len("20060102") {
			break
		}
		if t, err := time.Parse(f.layout, s); err == nil && t.Year() > 1970 && t.Year() < 2100 {
			return f.pattern
		}
		if strings.EqualFold(s, f.pattern) && f.pattern != "rfc3339" {
			return f.pattern
		}
	}
	return ""
}

var (
	hexID      = regexp.MustCompile(`^(?i)[0-9a-f]{16,64}$`)
	uuidID     = regexp.MustCompile(`^(?i)\{?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\}?$`)
	digitsID   = regexp.MustCompile(`^[0-9]{8,}$`)
	mixedID    = regexp.MustCompile(`^[A-Za-z]{0,8}[-_]?[0-9]{4,}[-_A-Za-z0-9]*$`)
	apiName    = regexp.MustCompile(`^([A-Z][A-Za-z0-9]*Obj|[A-Za-z][A-Za-z0-9_]*__c)$`)
	plainWord  = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._@-]{1,40}$`)
	smallCount = regexp.MustCompile(`^-?[0-9]{1,6}(\.[0-9]+)?$`)
	jwt        = regexp.MustCompile(`^eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$`)
	stand      = regexp.MustCompile(`^(\?+|x{2,}|X{2,}|\*+|\.{2,}|-+|…+|(?i:string|str|text|int|integer|long|number|datetime|date|value|null|none|todo|demo|sample|example|varchar.*))$`)
	braced     = regexp.MustCompile(`^(?:\$?\{\{?\s*([^{}]{1,40}?)\s*\}?\}|<([^<>]{1,40})>|【([^】]{1,40})】|\[([^\[\]]{1,40})\]|:([A-Za-z][A-Za-z0-9_]{1,40}))$`)
)

// shapeOf says what a sample value looks like.
func shapeOf(s string) shape {
	s = strings.TrimSpace(s)
	switch {
	case s == "" || stand.MatchString(s) || braced.MatchString(s):
		return blankShape
	case timePattern(s) != "":
		return timeShape
	case strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://"):
		return urlShape
	case jwt.MatchString(s):
		return tokenShape
	case s == "true" || s == "false" || s == "Y" || s == "N" || s == "yes" || s == "no":
		return switchShape
	case apiName.MatchString(s):
		return objectShape
	case hexID.MatchString(s) || uuidID.MatchString(s) || digitsID.MatchString(s):
		return idShape
	case smallCount.MatchString(s):
		return numberShape
	case mixedID.MatchString(s):
		return idShape
	case chineseName(s):
		return personShape
	case plainWord.MatchString(s):
		return accountShape
	}
	return textShape
}

// spoken gives the name that a manual has put in a value's place, as in {taskId} or 【标题】.
func spoken(s string) string {
	for _, m := range braced.FindStringSubmatch(strings.TrimSpace(s)) {
		if m != strings.TrimSpace(s) && m != "" {
			return m
		}
	}
	return ""
}

// surnames are common ones; two letters long ones need not be here, since their names are longer than those of things.
const surnames = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤"

// chineseName reports whether a text looks like the name of a person: a surname and one or two characters more.
func chineseName(s string) bool {
	n := utf8.RuneCountInString(s)
	if n < 2 || n > 3 {
		return false
	}
	for i, r := range s {
		if !unicode.Is(unicode.Han, r) || i == 0 && !strings.ContainsRune(surnames, r) {
			return false
		}
	}
	return chineseSense(s) == 0 // 程度, 任务 and 时间 are no names
}

// sentence reports whether a text is one that a person reads: several words, or several characters of Chinese.
func sentence(s string) bool {
	han := 0
	for _, r := range s {
		if unicode.Is(unicode.Han, r) {
			han++
		}
	}
	return han >= 4 || strings.Count(strings.TrimSpace(s), " ") >= 2
}
