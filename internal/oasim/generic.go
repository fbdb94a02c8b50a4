package oasim

// generic is an OA of which nothing is known: it takes any call and says yes. For the ledger it looks for the todo and the
// account under the names that such interfaces use.
type generic struct{ sim *Sim }

// read takes whatever comes. A member op says what kind of call it is; without one it is a create.
func (v *generic) read(c *Call) request {
	f, _ := readJSON(c.Body) // XML, forms and plain text are as welcome
	for _, n := range []string{"taskId", "todoId", "sourceId", "flowid", "id", "todo"} {
		if c.Todo == "" {
			c.Todo = f.text(n)
		}
	}
	for _, n := range []string{"account", "receiver", "userId", "openId", "user"} {
		if a := f.text(n); a != "" && len(c.Accounts) == 0 {
			c.Accounts = []string{a}
		}
	}
	c.Op = OpCreate
	switch op := Op(f.text("op")); op {
	case OpUpdate, OpDone, OpDelete, OpMessage, OpQuery, OpBind:
		c.Op = op
	}
	return request{
		run: func() reply {
			c.Effect = EffectNew
			return reply{status: 200, kind: typeJSON, body: []byte(`{"code":0,"message":"ok"}`)}
		},
		refuse: func(code, message string) reply {
			if code == "" {
				code = "1"
			}
			c.Effect = EffectRefused
			return asJSON(200, map[string]any{"code": code, "message": message})
		},
		fault: func(message string) reply { return page(500, message) },
	}
}
