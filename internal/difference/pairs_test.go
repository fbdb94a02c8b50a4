package difference_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"todosync/internal/difference"
)

// TestPairsAreTheMost: of short sequences without anything unique the longest common part is found; of all, pairs rise and say the same.
func TestPairsAreTheMost(t *testing.T) {
	t.Parallel()
	dice := rand.New(rand.NewPCG(3, 3)) //nolint:gosec // the same in every run
	for range 3000 {
		a, b := make([]string, dice.IntN(20)), make([]string, dice.IntN(20))
		for i := range a {
			a[i] = string(rune('a' + dice.IntN(4)))
		}
		for i := range b {
			b[i] = string(rune('a' + dice.IntN(4)))
		}
		a, b = append(a, a...), append(b, b...) // nothing stands once
		got := difference.Pairs(a, b)
		rise(t, a, b, got)
		most := make([][]int, len(a)+1)
		for i := range most {
			most[i] = make([]int, len(b)+1)
		}
		for i, x := range slices.Backward(a) {
			for j, y := range slices.Backward(b) {
				if most[i][j] = max(most[i+1][j], most[i][j+1]); x == y {
					most[i][j] = most[i+1][j+1] + 1
				}
			}
		}
		if len(got) != most[0][0] {
			t.Fatalf("%v and %v have %d in common, found %d", a, b, most[0][0], len(got))
		}
	}
}

// TestPairsOfMuchChanged: a file of which every third line changed keeps the two others.
func TestPairsOfMuchChanged(t *testing.T) {
	t.Parallel()
	var a, b []string
	for i := range 3000 {
		a = append(a, fmt.Sprintf("line %d", i))
		if i%3 == 0 {
			b = append(b, fmt.Sprintf("changed %d", i))
		} else {
			b = append(b, a[i])
		}
	}
	got := difference.Pairs(a, b)
	rise(t, a, b, got)
	if len(got) != 2000 {
		t.Errorf("%d of 2000 lines are the same", len(got))
	}
}

func rise(t *testing.T, a, b []string, got []difference.Pair) {
	t.Helper()
	for i, p := range got {
		if a[p.Was] != b[p.Is] || i > 0 && (p.Was <= got[i-1].Was || p.Is <= got[i-1].Is) {
			t.Fatalf("%v and %v: %v", a, b, got)
		}
	}
}
