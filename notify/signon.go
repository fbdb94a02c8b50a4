package notify

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// signOns says in a sentence how many came from OAs into the CRM, and why others did not. Empty: nobody came.
func (v *view) signOns() string {
	s := v.digest.SignOns
	if s == nil || s.LetIn+s.Refused == 0 {
		return ""
	}
	out := v.t(" Sign-ons since "+v.at(s.Since)+": "+number(s.LetIn)+" let in", "自 "+v.at(s.Since)+" 起单点登录：成功 "+number(s.LetIn))
	if s.Refused > 0 {
		why := slices.SortedFunc(maps.Keys(s.Why), func(a, b string) int { return cmp.Or(cmp.Compare(s.Why[b], s.Why[a]), strings.Compare(a, b)) })
		for i, outcome := range why {
			why[i] = v.outcome(outcome) + " " + number(s.Why[outcome])
		}
		out += v.t(", "+number(s.Refused)+" not ("+strings.Join(why, ", ")+"; todosync sign-ons says of each why)",
			"，未成功 "+number(s.Refused)+"（"+strings.Join(why, "、")+"；详情见 todosync sign-ons）")
	}
	return out + v.t(".", "。")
}

// outcome names what became of a sign-on.
func (v *view) outcome(name string) string {
	names := map[string][2]string{
		"bad_proof": {"not proven", "身份未证实"}, "too_old": {"link too old", "链接过期"}, "used": {"link used before", "链接已用过"}, "no_binding": {"no binding", "未绑定"},
		"oa_unreachable": {"OA not reachable", "OA 不可达"}, "oa_too_slow": {"OA too slow", "OA 超时"}, "slowed": {"too many tries", "尝试过多"},
		"not_set_up": {"not set up", "未设置"}, "unknown": {"wrong address", "地址有误"}, "bad_address": {"wrong address", "地址有误"},
	}
	if n, known := names[name]; known {
		return v.t(n[0], n[1])
	}
	return clean(name, codeMost)
}
