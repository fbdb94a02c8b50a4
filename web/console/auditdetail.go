package console

import (
	"encoding/json"
	"regexp"
	"strings"

	"todosync/web/api"
)

// A saidPart is one thing that an entry of the audit says: a text; or what was, and what it became.
type saidPart struct {
	What     string
	Old, New string
	Changed  bool
}

// listShape finds lists, as tenants and scopes stand in the audit.
var listShape = regexp.MustCompile(`\[(?:"[^"]*"(?:,"[^"]*")*)?\]`)

// detailWords are the words that the store writes, in Chinese.
var detailWords = []struct {
	en *regexp.Regexp
	zh string
}{
	{regexp.MustCompile(`^revision (\d+) by (\w+)(?:, restored from revision (\d+))?$`), ""},
	{regexp.MustCompile(`^link from (.*)$`), "链接登录，来自 $1"},
	{regexp.MustCompile(`^password from (.*)$`), "密码登录，来自 $1"},
	{regexp.MustCompile(`^oidc from (.*)$`), "统一登录，来自 $1"},
	{regexp.MustCompile(`^new password from (.*)$`), "修改密码后登录，来自 $1"},
	{regexp.MustCompile(`^invitation from (.*)$`), "通过邀请链接登录，来自 $1"},
	{regexp.MustCompile(`^first admin's link from (.*)$`), "首位管理员链接登录，来自 $1"},
	{regexp.MustCompile(`^until (.*)$`), "有效期至 $1"},
	{regexp.MustCompile(`^password, by a link$`), "密码（通过链接设置）"},
	{regexp.MustCompile(`^password$`), "密码"},
	{regexp.MustCompile(`^disabled true$`), "停用"},
	{regexp.MustCompile(`^disabled false$`), "启用"},
	{regexp.MustCompile(`^by rule true$`), "跟随提供方规则"},
	{regexp.MustCompile(`^by rule false$`), "不再跟随提供方规则"},
	{regexp.MustCompile(`^(\d+) added, (\d+) changed$`), "新增 $1，修改 $2"},
}

var memberNames = map[string]string{
	"name": "用户名", "email": "邮箱", "mobile": "手机", "role": "角色", "tenants": "租户", "language": "语言", "issuer": "登录提供方", "subject": "登录标识",
}

// saidParts are what an entry's detail says, one each, for people.
func (v *visit) saidParts(d *deed) []saidPart {
	var out []saidPart
	for part := range strings.SplitSeq(d.Detail, "; ") {
		old, now, changed := strings.Cut(part, " -> ")
		if !changed {
			if text := v.lists(v.detailWord(part)); text != "" {
				out = append(out, saidPart{What: text})
			}
			continue
		}
		what := ""
		if name, rest, ok := strings.Cut(old, " "); ok && memberNames[name] != "" {
			what, old = v.T(name, memberNames[name]), rest
		}
		out = append(out, saidPart{What: what, Old: v.nothing(v.lists(old)), New: v.nothing(v.lists(now)), Changed: true})
	}
	return out
}

func (v *visit) nothing(s string) string {
	if s == "" {
		return v.T("nothing", "空")
	}
	return s
}

// lists writes lists of names with commas; the empty one, of tenants, stands for all.
func (v *visit) lists(s string) string {
	return listShape.ReplaceAllStringFunc(s, func(list string) string {
		var names []string
		if json.Unmarshal([]byte(list), &names) != nil {
			return list
		}
		if len(names) == 0 {
			return v.T("all tenants", "全部租户")
		}
		return commas(names)
	})
}

// rightsShape finds what a new user may do, and where: his role and tenants, and the provider that he came from.
var rightsShape = regexp.MustCompile(`^(admin|integrator|operator|viewer) (\[.*?\])(?: of (.+))?$`)

// detailWord is a part of a detail in the reader's language, as far as it is of known words.
func (v *visit) detailWord(s string) string {
	if m := rightsShape.FindStringSubmatch(s); m != nil {
		role := v.roleName(api.Roles()[m[1]])
		text := role + v.T(" of ", "，租户：") + m[2]
		if m[2] == "[]" {
			text = role + v.T(" of ", "，") + m[2]
		}
		if m[3] != "" {
			text += v.T(", from ", "，来自 ") + m[3]
		}
		return text
	}
	if !v.Chinese {
		return s
	}
	if m := detailWords[0].en.FindStringSubmatch(s); m != nil {
		text := "修订 " + m[1]
		if way := v.way(&deed{Way: m[2]}); way != "" {
			text += "，通过" + way
		}
		if m[3] != "" {
			text += "，恢复自修订 " + m[3]
		}
		return text
	}
	for _, w := range detailWords[1:] {
		if w.en.MatchString(s) {
			return w.en.ReplaceAllString(s, w.zh)
		}
	}
	return s
}
