package api_test

import (
	"strings"
	"testing"
)

func TestProblemsInChinese(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for path, want := range map[string]string{
		"/records/nosuch":       "没有同步记录 nosuch",
		"/records?nonsense=1":   "未知的参数",
		"root:/api/v1/nonsense": "没有这个接口",
		"/records?limit=0":      "limit",
	} {
		got := s.do(ask{path: path, header: map[string]string{"Accept-Language": "zh-CN,zh;q=0.9"}})
		if got.status < 400 || !strings.Contains(got.body, want) {
			t.Errorf("%s: want %q, got %d %s", path, want, got.status, got.body)
		}
	}
}
