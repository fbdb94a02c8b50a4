package connector_test

import (
	"testing"

	"todosync/connector"
)

func TestMentions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		term, text string
		want       bool
	}{
		{"8847", `{"id":"8847"}`, true},
		{"8847", `{"id":"18847"}`, false},
		{"8847", `18847 8847`, true},
		{"8847", `88471`, false},
		{"T-1", `"t-1"`, true},
		{"T-1", `"T-12"`, false},
		{"-1", `T-1`, true},
		{"审批", `请审批通过`, true},
		{"", `x`, false},
		{"x", ``, false},
		{"aa", `aaa`, false},
	} {
		if got := connector.Mentions(c.term, "", c.text); got != c.want {
			t.Errorf("%q in %q: %t", c.term, c.text, got)
		}
	}
}
