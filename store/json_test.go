package store

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"todosync/connector"
	"todosync/retry"
)

// TestJSON reads with the JSON package what is written without it.
func TestJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "\"\\", "\u2028<&>", "a\x00\x1f\n\t", "张三", "\xff\xc3("}))
		want := clean(text.Draw(r, "text"))
		var got string
		if err := json.Unmarshal(appendJSON(nil, want), &got); err != nil || got != want {
			// NUL stays as it is here: it is cleaned where it is stored.
			r.Fatalf("%q became %q, %v", want, got, err)
		}
		who := []connector.Recipient{{ID: want}, {ID: want, Name: want}}[:rapid.IntRange(0, 2).Draw(r, "recipients")]
		back, err := recipientsOf(recipientsJSON(who))
		if err != nil || !cmp.Equal(who, back, cmpopts.EquateEmpty()) {
			r.Fatalf("recipients %v became %v, %v", who, back, err)
		}
		todo := []connector.TodoReceiver{{ID: want, Finished: true}, {ID: want, Name: want}}
		var todoBack []connector.TodoReceiver
		if err := json.Unmarshal([]byte(todoReceiversJSON(todo)), &todoBack); err != nil || !cmp.Equal(todo, todoBack) {
			r.Fatalf("receivers %v became %v, %v", todo, todoBack, err)
		}
		headers := []retry.Header{{Name: "A", Value: want}, {Name: want}}
		var headersBack []retry.Header
		if err := json.Unmarshal([]byte(headersJSON(headers)), &headersBack); err != nil || !cmp.Equal(headers, headersBack) {
			r.Fatalf("headers %v became %v, %v", headers, headersBack, err)
		}
		p := connector.Planned{Outcome: connector.Outcome(want)}
		for i := range rapid.IntRange(0, 2).Draw(r, "connections") {
			p.Outcomes = append(p.Outcomes, connector.ConnectionOutcome{Conn: int64(i), Outcome: connector.OutcomePlanned})
		}
		var outcome outcomeJSON
		if err := json.Unmarshal([]byte(outcomeOf(&p)), &outcome); err != nil || outcome.Outcome != p.Outcome || len(outcome.Connections) != len(p.Outcomes) {
			r.Fatalf("outcome %+v became %+v, %v", p, outcome, err)
		}
	})
}
