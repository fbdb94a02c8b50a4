package oasim

import "net/http"

// helpcrunchSignOn plays what the widget does when a page gives it a user: the first security_hash that comes for a user_id is pinned, and
// from then on demanded. The address is ours: the widget's own calls are not documented.
func (s *Sim) helpcrunchSignOn(c *Call) func() reply {
	if c.Path != "/widget/init" {
		return nil
	}
	f, err := readJSON(c.Body)
	return func() reply {
		user, _ := f["user"].(map[string]any)
		u := fields(user)
		id, isText := user["user_id"].(string)
		switch {
		case c.Method != http.MethodPost:
			return page(405, "Method Not Allowed")
		case err != nil || f.blank("appId"):
			return asJSON(400, map[string]any{"errors": []any{map[string]any{"code": "bad_request", "message": "appId"}}})
		case user["user_id"] == nil:
			return asJSON(200, map[string]any{"mode": "guest"})
		case !isText || id == "":
			return asJSON(400, map[string]any{"errors": []any{map[string]any{"code": "bad_request", "message": "user_id"}}})
		}
		c.Accounts = []string{id}
		pinned, known := s.grants.pins[id]
		hash := u.text("security_hash")
		switch {
		case known && hash != pinned:
			c.Effect = EffectRefused
			return reply{status: 403, kind: typeJSON} // and the chat stays empty
		case !known && hash != "":
			if s.grants.pins == nil {
				s.grants.pins = map[string]string{}
			}
			s.grants.pins[id] = hash
		}
		return asJSON(200, map[string]any{"mode": "authenticated", "user": map[string]any{"userId": id, "name": u.text("name")}})
	}
}
