package difference_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"todosync/internal/difference"
)

func TestLines(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ before, now, want string }{
		"same":    {"a b", "a b", "  a,  b"},
		"changed": {"a b c", "a x c", "  a,- b,+ x,  c"},
		"added":   {"a", "a b", "  a,+ b"},
		"removed": {"a b c", "c", "- a,- b,  c"},
		"nothing": {"", "", ""},
		"all new": {"", "a", "+ a"},
	} {
		if got := strings.Join(difference.Lines(strings.Fields(c.before), strings.Fields(c.now)), ","); got != c.want {
			t.Errorf("%s: want %q, got %q", name, c.want, got)
		}
	}
	long := make([]string, 5000)
	other := slices.Clone(long)
	for i := range other {
		other[i] = fmt.Sprint(i)
	}
	if got := difference.Lines(long, other); len(got) != 2*len(long) {
		t.Errorf("of long texts %d lines", len(got))
	}
}
