package signon

import (
	"context"
	"maps"
	"net/http"
	"slices"

	"todosync/connector"
)

// clicked reports whether who comes here is let in by a form alone: a program that follows links to look at them uses nothing up then. An
// OA's server that asks about a ticket sends no forms.
func (v *visit) clicked() bool { return v.place.Settings.Click && !v.greets() && !v.callback }

// askClick shows a page whose button sends what the address brought.
func (v *visit) askClick(ctx context.Context) {
	type field struct{ Name, Value string }
	var fields []field
	for _, name := range slices.Sorted(maps.Keys(v.query)) {
		fields = append(fields, field{name, v.query.Get(name)})
	}
	words := map[string]any{"Lang": "zh", "Title": "打开 CRM", "What": "您即将从 OA 进入 CRM，无需再次登录。", "Button": "继续"}
	if v.language() == connector.English {
		words = map[string]any{"Lang": "en", "Title": "Open the CRM", "What": "You come from the OA and need no further log-in.", "Button": "Continue"}
	}
	words["Action"], words["Fields"] = v.r.URL.EscapedPath(), fields
	// No rule for the form: browsers hold the CRM's own redirects to it as well.
	v.show(ctx, "click.html", http.StatusOK, "", words)
}
